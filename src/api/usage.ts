import { fieldsOf, type StreamEvent } from "./events.ts";

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

/** Characters of a model's name that are kept in the log and in the counters. */
const MAX_NAME_CHARACTERS = 256;

/** Reads off a stream which model answers and how many tokens that takes; what it says is cumulative. */
export class UsageMeter {
  readonly tokens: TokenCounts = noTokens();
  #model = "";
  /** Whether the answer has begun. */
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

  /** The model that was asked for, until upstream says which one answers; as much of it as a name may have. */
  get model(): string {
    return this.#model;
  }

  set model(name: string) {
    this.#model = name.slice(0, MAX_NAME_CHARACTERS);
  }

  /** Tokens of the input in all. */
  get input(): number {
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = this.tokens;
    return input_tokens + cache_creation_input_tokens + cache_read_input_tokens;
  }
}
