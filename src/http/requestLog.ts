import type { Context } from "koa";
import { UsageMeter } from "../api/usage.ts";
import type { Logger } from "../shared/logger.ts";
import { printable } from "../shared/printable.ts";

/** Collects the log line of one request and its response. Never contains content. */
export class RequestLog {
  readonly #context: Context;
  readonly #startedAt = performance.now();
  /** Token usage of the response. */
  readonly meter = new UsageMeter("");
  /** Resolves when the response is complete or the client has disconnected. */
  readonly closed: Promise<void>;
  #firstEventAt: number | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.closed = new Promise((resolve) => context.res.once("close", resolve));
  }

  setModel(model: string): void {
    this.meter.model = model;
  }

  /** Call for each event sent to the client. */
  eventSent(): void {
    this.#firstEventAt ??= performance.now();
  }

  /**
   * The one line of a request: `POST /v1/messages claude-sonnet-5-5 200 · 12 in, 7 out · first event 31 ms · 45 ms`.
   */
  toString(): string {
    const { method, path, status, res } = this.#context;
    const sentStatus = res.headersSent ? `${status} ` : "";
    const outcome = res.writableFinished ? String(status) : `${sentStatus}(client gone)`;
    const { model, begun, input, tokens } = this.meter;
    return [
      [method, printable(path), printable(model), outcome].filter((word) => word !== "").join(" "),
      ...(begun ? [`${input} in, ${tokens.output_tokens} out`] : []),
      ...(this.#firstEventAt === undefined ? [] : [`first event ${this.#since(this.#firstEventAt)}`]),
      this.#since(performance.now()),
    ].join(" · ");
  }

  logOnClose(logger: Logger): void {
    // each VS Code window polls every second
    const level = this.#context.path === "/health" ? "trace" : "info";
    void this.closed.then(() => logger[level](this.toString()));
  }

  #since(time: number): string {
    return `${Math.round(time - this.#startedAt)} ms`;
  }
}
