import type { Context } from "koa";
import type { StreamEvent } from "../api/events.ts";
import type { Logger } from "../shared/logger.ts";

interface Usage {
  input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  output_tokens?: number | null;
}

/** What is noted of one request and its answer, for the log: never content, unless the user asked for the traffic. */
export class Exchange {
  readonly #context: Context;
  readonly #startedAt = performance.now();
  readonly #usage: Usage = {};
  /** Resolves when the answer is complete or the client gone: one listener for everybody who waits for that. */
  readonly closed: Promise<void>;
  #model = "";
  #firstEventAt: number | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.closed = new Promise((resolve) => context.res.once("close", resolve));
  }

  asked(model: string): void {
    this.#model = model;
  }

  /** Notes what an event tells; passes it on unchanged. */
  async *watch(
    events: AsyncIterable<StreamEvent>,
    seen: (event: StreamEvent) => void,
  ): AsyncGenerator<StreamEvent, void, undefined> {
    for await (const event of events) {
      this.#firstEventAt ??= performance.now();
      const message = event.message as { model?: string; usage?: Usage } | undefined;
      if (message?.model) this.#model = message.model;
      for (const [name, value] of Object.entries(message?.usage ?? (event.usage as Usage | undefined) ?? {})) {
        if (typeof value === "number") this.#usage[name as keyof Usage] = value;
      }
      seen(event);
      yield event;
    }
  }

  /** The one line of a request: `POST /v1/messages claude-sonnet-5-5 200 · 12 in, 7 out · first event 31 ms · 45 ms`. */
  toString(): string {
    const { method, path, status, res } = this.#context;
    const told = res.headersSent ? `${status} ` : "";
    const outcome = res.writableFinished ? String(status) : `${told}(client gone)`;
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = this.#usage;
    const input = (input_tokens ?? 0) + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0);
    return [
      [method, path, this.#model, outcome].filter((word) => word !== "").join(" "),
      ...(output_tokens === undefined ? [] : [`${input} in, ${output_tokens} out`]),
      ...(this.#firstEventAt === undefined ? [] : [`first event ${this.#since(this.#firstEventAt)}`]),
      this.#since(performance.now()),
    ].join(" · ");
  }

  logAtEnd(logger: Logger): void {
    // a window asks for the state every second, which is nobody's news
    const level = this.#context.path === "/health" ? "trace" : "info";
    void this.closed.then(() => logger[level](this.toString()));
  }

  #since(time: number): string {
    return `${Math.round(time - this.#startedAt)} ms`;
  }
}
