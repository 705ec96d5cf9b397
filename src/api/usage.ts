import { fieldsOf, type StreamEvent } from "./events.ts";

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

const MAX_NAME_CHARACTERS = 256;

/** Reads model and token counts from a stream. Upstream's counts are cumulative. */
export class UsageMeter {
  readonly tokens: TokenCounts = noTokens();
  #model = "";
  begun = false;

  constructor(model: string) {
    this.model = model;
  }

  see(event: StreamEvent): void {
    const message = fieldsOf(event.message);
    if (message) this.begun = true;
    if (typeof message?.model === "string" && message.model !== "") this.model = message.model;
    const usage = fieldsOf(message?.usage ?? event.usage);
    if (!usage) return;
    for (const name of Object.keys(this.tokens) as (keyof TokenCounts)[]) {
      const value = usage[name];
      if (typeof value === "number" && Number.isFinite(value)) this.tokens[name] = value;
    }
  }

  /** The requested model, until upstream names the one that answers. */
  get model(): string {
    return this.#model;
  }

  set model(name: string) {
    this.#model = name.slice(0, MAX_NAME_CHARACTERS);
  }

  /** All input tokens, cached ones included. */
  get input(): number {
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = this.tokens;
    return input_tokens + cache_creation_input_tokens + cache_read_input_tokens;
  }
}
