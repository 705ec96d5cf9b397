import type { Context } from "koa";
import { UsageMeter } from "../api/usage.ts";
import type { Logger } from "../shared/logger.ts";
import { printable } from "../shared/printable.ts";

/** What is noted of one request and its answer, for the log: never content, unless the user asked for the traffic. */
export class RequestLog {
  readonly #context: Context;
  readonly #startedAt = performance.now();
  /** What the answer takes. */
  readonly meter = new UsageMeter("");
  /** Resolves when the answer is complete or the client gone: one listener for everybody who waits for that. */
  readonly closed: Promise<void>;
  #firstEventAt: number | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.closed = new Promise((resolve) => context.res.once("close", resolve));
  }

  setModel(model: string): void {
    this.meter.model = model;
  }

  /** Call when an event is passed on. */
  eventSent(): void {
    this.#firstEventAt ??= performance.now();
  }

  /** The one line of a request: `POST /v1/messages claude-sonnet-5-5 200 · 12 in, 7 out · first event 31 ms · 45 ms`. */
  toString(): string {
    const { method, path, status, res } = this.#context;
    const told = res.headersSent ? `${status} ` : "";
    const outcome = res.writableFinished ? String(status) : `${told}(client gone)`;
    const { model, begun, input, tokens } = this.meter;
    return [
      [method, printable(path), printable(model), outcome].filter((word) => word !== "").join(" "),
      ...(begun ? [`${input} in, ${tokens.output_tokens} out`] : []),
      ...(this.#firstEventAt === undefined ? [] : [`first event ${this.#since(this.#firstEventAt)}`]),
      this.#since(performance.now()),
    ].join(" · ");
  }

  logOnClose(logger: Logger): void {
    // a window asks for the state every second, which is nobody's news
    const level = this.#context.path === "/health" ? "trace" : "info";
    void this.closed.then(() => logger[level](this.toString()));
  }

  #since(time: number): string {
    return `${Math.round(time - this.#startedAt)} ms`;
  }
}
