import { setTimeout as delay } from "node:timers/promises";
import { ApiError, internal } from "../api/errors.ts";
import type { Message } from "../api/events.ts";
import type { PrioritySemaphore } from "../claude/prioritySemaphore.ts";
import type { Body } from "../messages/requestReader.ts";
import type { Logger } from "../shared/logger.ts";
import {
  type BackoffOptions,
  backoffDelay,
  type CircuitBreaker,
  classifyFailure,
  type Permit,
} from "./circuitBreaker.ts";
import type { Execute } from "./execute.ts";
import { PoisonDetector } from "./poisonDetector.ts";
import type { BatchRecord } from "./record.ts";
import { readRequests, type StoredRequest } from "./requestLines.ts";
import { errored, type Result, Results } from "./results.ts";
import type { BatchStore } from "./store.ts";

export interface BatchRunParts {
  store: BatchStore;
  execute: Execute;
  /** Bounds the requests of all batches together. */
  slots: PrioritySemaphore;
  /** Bounds how many batches read their files from end to end at once. */
  readers: PrioritySemaphore;
  breaker: CircuitBreaker;
  backoff: BackoffOptions;
  logger: Logger;
}

/** Attempts at a request that fails by itself. */
const MAX_ATTEMPTS = 5;
/** Results written at once for requests that will not run. */
const UNSENT_CHUNK_COUNT = 500;

/** Works through the requests of one batch, those that have no result yet. */
export class BatchRun {
  readonly #parts: BatchRunParts;
  readonly #record: BatchRecord;
  /** Aborted when no further request is to be sent. */
  readonly #stopped = new AbortController();
  /** Aborted when those under way are to be broken off, too. */
  readonly #aborted = new AbortController();
  /** Aborted when the server is closing. */
  readonly #halted = new AbortController();
  #end: "canceled" | "expired" | "halted" | undefined;
  #results: Results | undefined;

  constructor(record: BatchRecord, parts: BatchRunParts) {
    this.#record = record;
    this.#parts = parts;
  }

  get record(): BatchRecord {
    return this.#record;
  }

  /** Requests that have their result. */
  get done(): number {
    return this.#results?.done.size ?? 0;
  }

  /** Sends no further request; those under way are paid for and end. */
  cancel(): void {
    this.#stop("canceled");
  }

  /** The time of the batch is up. */
  expire(): void {
    this.#stop("expired");
    this.#aborted.abort(new Error("The batch has expired."));
  }

  /** The server is closing: what is not done now is for its next run. With `drain`, requests under way end. */
  halt({ drain }: { drain: boolean }): void {
    this.#stop("halted");
    this.#halted.abort();
    if (!drain) this.#aborted.abort(new Error("The server is closing."));
  }

  /** Resolves when every request has its result and the batch has ended, or when it was halted. */
  async run(): Promise<void> {
    const { store } = this.#parts;
    const results = await this.#withReader(() => Results.open(store.resultsPath(this.#record.id)));
    if (!results) return;
    this.#results = results;
    try {
      await this.#sendAll(results);
      const end = this.#end;
      if (end === "halted") return;
      if (end) await this.#withReader(() => this.#settleUnsent(results, end));
      // the server has closed before all was marked
      if (this.#halted.signal.aborted) return;
    } finally {
      await results.close();
    }
    await store.end(this.#record, results.counts);
  }

  /** Runs a step once few enough others run; undefined when the server closes before. */
  async #withReader<T>(step: () => Promise<T>): Promise<T | undefined> {
    const free = await this.#parts.readers.acquire(this.#halted.signal).catch(() => undefined);
    return free && step().finally(free);
  }

  /** Reads each request only when it may be sent: what waits holds no file open. */
  async #sendAll(results: Results): Promise<void> {
    const underWay = new Set<Promise<void>>();
    const failures: unknown[] = [];
    const requests = this.#requests(results);
    const { signal } = this.#stopped;
    while (failures.length === 0) {
      const free = await this.#parts.slots.acquire(signal).catch(() => undefined);
      if (!free) break;
      const next = await requests.next().catch((error: unknown) => void failures.push(error));
      if (!next?.value) {
        free();
        break;
      }
      const job = this.#answer(next.value, results)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          underWay.delete(job);
          free();
        });
      underWay.add(job);
    }
    // also where the requests cannot be read on, what was sent is to be stored
    await Promise.all(underWay);
    if (failures.length > 0) throw failures[0];
  }

  /** The requests without result. */
  async *#requests(results: Results): AsyncGenerator<StoredRequest, void, undefined> {
    for await (const request of readRequests(this.#parts.store.requestsPath(this.#record.id))) {
      if (!results.done.has(request.custom_id)) yield request;
    }
  }

  async #answer({ custom_id, params }: StoredRequest, results: Results): Promise<void> {
    const result = await this.#resultOf(params);
    // a full disk must not cost an answer that is paid for
    for (let failures = 1; result; failures++) {
      const stored = await results.append(custom_id, result).then(
        () => true,
        (error: Error) => this.#parts.logger.error(`batch ${this.#record.id}: ${error.message}`),
      );
      const { signal } = this.#halted;
      if (stored || signal.aborted) return;
      await delay(backoffDelay(failures, this.#parts.backoff), undefined, { signal }).catch(() => {});
    }
  }

  /** How the request ends; undefined when it was broken off and is to be sent again. */
  async #resultOf(params: Body): Promise<Result | undefined> {
    const { breaker, backoff } = this.#parts;
    const poison = new PoisonDetector(breaker);
    for (let failures = 0; ; ) {
      let permit: Permit | undefined;
      try {
        permit = await breaker.acquire(this.#stopped.signal);
        return { type: "succeeded", message: await this.#send(params, permit) };
      } catch (failure) {
        const over = this.#aborted.signal.aborted || this.#stopped.signal.aborted;
        if (over && !(failure instanceof ApiError && classifyFailure(failure) === "final")) return this.#unsent();
        const error = failure instanceof ApiError ? failure : this.#unexpected(failure as Error);
        const failureClass = classifyFailure(error);
        if (failureClass === "trip") {
          breaker.trip(error);
          if (poison.isPoison(permit)) return errored(error);
          continue;
        }
        failures += 1;
        if (failureClass === "final" || failures >= MAX_ATTEMPTS) return errored(error);
      } finally {
        permit?.release();
      }
      await delay(backoffDelay(failures, backoff), undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
  }

  #send(params: Body, { release }: Permit): Promise<Message> {
    const { execute, breaker } = this.#parts;
    const onAccepted = () => {
      breaker.onSuccess();
      release();
    };
    const admission = { signal: this.#stopped.signal, confirm: () => this.#confirm() };
    return execute(params, this.#record, { signal: this.#aborted.signal, admission, onAccepted });
  }

  /** Throws when nothing is to be sent any more. Looks at the clock, since timers stand still while a computer sleeps. */
  #confirm(): void {
    if (Date.now() >= Date.parse(this.#record.expires_at)) this.expire();
    this.#stopped.signal.throwIfAborted();
  }

  #unsent(): Result | undefined {
    return this.#end === "canceled" || this.#end === "expired" ? { type: this.#end } : undefined;
  }

  #unexpected(error: Error): ApiError {
    this.#parts.logger.error(`batch ${this.#record.id}: ${error.stack}`);
    return internal();
  }

  async #settleUnsent(results: Results, type: "canceled" | "expired"): Promise<void> {
    const store = (ids: string[]) => Promise.all(ids.map((id) => results.append(id, { type })));
    let chunk: string[] = [];
    for await (const { custom_id } of this.#requests(results)) {
      chunk.push(custom_id);
      if (chunk.length < UNSENT_CHUNK_COUNT) continue;
      await store(chunk);
      chunk = [];
    }
    await store(chunk);
  }

  #stop(end: "canceled" | "expired" | "halted"): void {
    // what was canceled is not expired later, but a server that closes leaves the rest to its next run
    if (this.#end === undefined || end === "halted") this.#end = end;
    this.#stopped.abort(new Error(end));
  }
}
