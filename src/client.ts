import Anthropic from "@anthropic-ai/sdk";

export interface ClaudeClientOptions {
  /** Base URL without `/v1`. */
  baseURL?: string;
  /** Any non-empty key, unless the server requires a certain one. */
  apiKey?: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

export interface MessageOptions {
  /** Alias (`opus`, `sonnet`, `haiku` …) or full model id. */
  model?: string;
  system?: string;
  /** Maximum tokens of the answer. */
  max_tokens?: number;
  signal?: AbortSignal;
}

export interface Model {
  id: string;
  display_name: string;
}

/** A Message Batch. Until it has ended, every request counts as `processing`. */
export interface Batch {
  id: string;
  processing_status: "in_progress" | "canceling" | "ended";
  request_counts: { processing: number; succeeded: number; errored: number; canceled: number; expired: number };
  created_at: string;
  expires_at: string;
  ended_at: string | null;
  cancel_initiated_at: string | null;
  /** When its results were deleted. */
  archived_at: string | null;
}

export interface UploadedFile {
  id: string;
  filename: string;
  mime_type: string;
  size_bytes: number;
  created_at: string;
  expires_at?: string | null;
}

/** A page of a list, newest first. Pass `next` as `after` for the next page. */
export interface ListPage<T> {
  items: T[];
  next: string | undefined;
}

export interface ListOptions {
  /** Maximum entries of a page, up to 1000. */
  limit?: number;
  /** The `next` of the previous page. */
  after?: string | undefined;
}

const DEFAULT_BASE_URL = "http://127.0.0.1:8080";
const DEFAULT_MODEL = "sonnet";
const DEFAULT_MAX_TOKENS = 4096;
const DEFAULT_LIMIT = 100;

/** Keeps Node's fetch from buffering the whole body for a possible redirect. */
const STREAMED_UPLOAD = { redirect: "error", window: null } as const;

/** A small client over the official SDK, whose typed errors it throws. */
export class ClaudeClient {
  readonly #sdk: Anthropic;

  constructor({ baseURL = DEFAULT_BASE_URL, apiKey = "local", fetch }: ClaudeClientOptions = {}) {
    // null keeps the SDK from sending a real credential from the environment
    this.#sdk = new Anthropic({ baseURL, apiKey, authToken: null, ...(fetch && { fetch }) });
  }

  /** Sends a user message and resolves with the text of the answer. */
  async message(text: string, options: MessageOptions = {}): Promise<string> {
    let answer = "";
    for await (const part of this.messageStream(text, options)) answer += part;
    return answer;
  }

  /** Sends a user message and yields the text of the answer as it arrives. Leaving the loop stops the answer. */
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

  /** Lists the server's models, aliases included. */
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

  /** Resolves with the batch. Requests that are running may still be answered. */
  async cancelBatch(id: string): Promise<Batch> {
    return this.#sdk.messages.batches.cancel(id);
  }

  /** Deletes an ended batch and its results. */
  async deleteBatch(id: string): Promise<void> {
    await this.#sdk.messages.batches.delete(id);
  }

  /** Streams the results of an ended batch as JSONL. */
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

  /** Uploads a file, reading it while it is sent. `openAsBlob` creates one that is not in memory. */
  async uploadFile(file: File, signal?: AbortSignal): Promise<UploadedFile> {
    return this.#sdk.files.upload({ file }, { fetchOptions: STREAMED_UPLOAD, ...(signal && { signal }) });
  }

  async deleteFile(id: string): Promise<void> {
    await this.#sdk.files.delete(id);
  }
}

/** A client of the server at its default address. */
export const claude = new ClaudeClient();
