import Anthropic from "@anthropic-ai/sdk";

/** Where the server is, and the key it asks for. */
export interface ClaudeClientOptions {
  /** Base URL without `/v1`. */
  baseURL?: string;
  /** Any non-empty key will do unless the server is configured with one. */
  apiKey?: string;
  /** Used in place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

export interface MessageOptions {
  /** Alias (`opus`, `sonnet`, `haiku` …) or full model id. */
  model?: string;
  system?: string;
  /** Tokens the answer may have at most. */
  max_tokens?: number;
  signal?: AbortSignal;
}

export interface Model {
  id: string;
  display_name: string;
}

/** A Message Batch, as the API tells it: until it has ended, every request counts as `processing`. */
export interface Batch {
  id: string;
  processing_status: "in_progress" | "canceling" | "ended";
  request_counts: { processing: number; succeeded: number; errored: number; canceled: number; expired: number };
  created_at: string;
  expires_at: string;
  ended_at: string | null;
  cancel_initiated_at: string | null;
  /** When its results were thrown away. */
  archived_at: string | null;
}

/** An uploaded file, as the API tells it. */
export interface UploadedFile {
  id: string;
  filename: string;
  mime_type: string;
  size_bytes: number;
  created_at: string;
  expires_at?: string | null;
}

/** A part of a list, newest first; `next` asks for the part after it. */
export interface ListPage<T> {
  items: T[];
  next: string | undefined;
}

export interface ListOptions {
  /** Entries a page may have at most, up to 1000. */
  limit?: number;
  /** The `next` of the page before. */
  after?: string | undefined;
}

const DEFAULT_BASE_URL = "http://127.0.0.1:8080";
const DEFAULT_MODEL = "sonnet";
const DEFAULT_MAX_TOKENS = 4096;
const DEFAULT_LIMIT = 100;

/** Else Node's fetch keeps the whole body in memory, in case it must follow a redirect. */
const STREAMED_UPLOAD = { redirect: "error", window: null } as const;

/** A small client of the local server, over the official SDK, whose typed errors it throws. */
export class ClaudeClient {
  readonly #sdk: Anthropic;

  constructor({ baseURL = DEFAULT_BASE_URL, apiKey = "local", fetch }: ClaudeClientOptions = {}) {
    // null keeps the SDK from taking a real credential out of the environment and sending it here
    this.#sdk = new Anthropic({ baseURL, apiKey, authToken: null, ...(fetch && { fetch }) });
  }

  /** Sends one user message and resolves with the text of the answer. */
  async message(text: string, options: MessageOptions = {}): Promise<string> {
    let answer = "";
    for await (const part of this.messageStream(text, options)) answer += part;
    return answer;
  }

  /** Sends one user message and yields the text of the answer as it comes; leaving the loop stops the answer. */
  async *messageStream(text: string, options: MessageOptions = {}): AsyncGenerator<string, void, undefined> {
    const { model = DEFAULT_MODEL, max_tokens = DEFAULT_MAX_TOKENS, system, signal } = options;
    const stream = await this.#sdk.messages.create(
      { model, max_tokens, stream: true, messages: [{ role: "user", content: text }], ...(system && { system }) },
      { signal },
    );
    for await (const event of stream) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield event.delta.text;
    }
  }

  /** The models the server knows, aliases included. */
  async models(): Promise<Model[]> {
    const models: Model[] = [];
    for await (const { id, display_name } of this.#sdk.models.list()) models.push({ id, display_name });
    return models;
  }

  async batches({ limit = DEFAULT_LIMIT, after }: ListOptions = {}): Promise<ListPage<Batch>> {
    const page = await this.#sdk.messages.batches.list({ limit, ...(after && { after_id: after }) });
    return { items: page.data, next: page.has_more ? (page.last_id ?? undefined) : undefined };
  }

  async batch(id: string): Promise<Batch> {
    return this.#sdk.messages.batches.retrieve(id);
  }

  /** Resolves with the batch as it is then; what runs already may still be answered. */
  async cancelBatch(id: string): Promise<Batch> {
    return this.#sdk.messages.batches.cancel(id);
  }

  /** Deletes a batch that has ended, with its results. */
  async deleteBatch(id: string): Promise<void> {
    await this.#sdk.messages.batches.delete(id);
  }

  /** The results of a batch that has ended, as the bytes of their JSONL. */
  async batchResults(id: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const path = `/v1/messages/batches/${encodeURIComponent(id)}/results`;
    const headers = { accept: "application/binary" };
    const { body } = await this.#sdk.get(path, { headers, ...(signal && { signal }) }).asResponse();
    return body ?? new Blob([]).stream();
  }

  async files({ limit = DEFAULT_LIMIT, after }: ListOptions = {}): Promise<ListPage<UploadedFile>> {
    const page = await this.#sdk.files.list({ limit, ...(after && { page: after }) });
    return { items: page.data, next: page.next_page ?? undefined };
  }

  /** Uploads a file, which is read while it is sent: `openAsBlob` makes one that is not in memory. */
  async uploadFile(file: File, signal?: AbortSignal): Promise<UploadedFile> {
    return this.#sdk.files.upload({ file }, { fetchOptions: STREAMED_UPLOAD, ...(signal && { signal }) });
  }

  async deleteFile(id: string): Promise<void> {
    await this.#sdk.files.delete(id);
  }
}

/** The client of a server at its default address. */
export const claude = new ClaudeClient();
