import Anthropic from "@anthropic-ai/sdk";

/** Where the server is, and the key it asks for. */
export interface ClaudeClientOptions {
  /** Base URL without `/v1`. */
  baseURL?: string;
  /** Any non-empty key will do unless the server is configured with one. */
  apiKey?: string;
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

const DEFAULT_BASE_URL = "http://127.0.0.1:8080";
const DEFAULT_MODEL = "sonnet";
const DEFAULT_MAX_TOKENS = 4096;

/** A small client of the local server, over the official SDK, whose typed errors it throws. */
export class ClaudeClient {
  readonly #sdk: Anthropic;

  constructor({ baseURL = DEFAULT_BASE_URL, apiKey = "local" }: ClaudeClientOptions = {}) {
    // null keeps the SDK from taking a real credential out of the environment and sending it here
    this.#sdk = new Anthropic({ baseURL, apiKey, authToken: null });
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
}

/** The client of a server at its default address. */
export const claude = new ClaudeClient();
