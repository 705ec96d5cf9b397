import type { StreamEvent } from "./events.ts";

/** Tokens of a request and its answer. */
export interface TokenCounts {
  input_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
  output_tokens: number;
}

export const noTokens = (): TokenCounts => ({
  input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 0,
});

/** Reads off a stream which model answers and how many tokens that takes; what it says is cumulative. */
export class UsageMeter {
  readonly tokens: TokenCounts = noTokens();
  /** The model that was asked for, until upstream says which one answers. */
  model: string;
  /** Whether the answer has begun. */
  begun = false;

  constructor(model: string) {
    this.model = model;
  }

  see(event: StreamEvent): void {
    const message = event.message as { model?: string; usage?: object } | undefined;
    if (message) this.begun = true;
    if (message?.model) this.model = message.model;
    for (const [name, value] of Object.entries(message?.usage ?? event.usage ?? {})) {
      if (name in this.tokens && typeof value === "number") this.tokens[name as keyof TokenCounts] = value;
    }
  }

  /** Tokens of the input in all. */
  get input(): number {
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = this.tokens;
    return input_tokens + cache_creation_input_tokens + cache_read_input_tokens;
  }
}
