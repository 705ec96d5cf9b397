import { setTimeout as delay } from "node:timers/promises";
import { ApiError, internalError } from "../api/errors.ts";
import type { Message } from "../api/events.ts";
import type { PrioritySemaphore } from "../claude/pool/prioritySemaphore.ts";
import type { Body } from "../messages/requestReader.ts";
import { errorText } from "../shared/errorText.ts";
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
  /** Bounds the concurrent requests of all batches together. */
  slots: PrioritySemaphore;
  /** Bounds how many batches scan their files at the same time. */
  readers: PrioritySemaphore;
  breaker: CircuitBreaker;
  backoff: BackoffOptions;
  logger: Logger;
}

/** Attempts at a request whose failure concerns no other request. */
const MAX_ATTEMPTS = 5;
/** Results per write for requests that will not run. */
const UNSENT_CHUNK_COUNT = 500;

/** Sends the requests of one batch that have no result yet. */
export class BatchRun {
  readonly #parts: BatchRunParts;
  readonly #record: BatchRecord;
  /** Aborted to send no further request. */
  readonly #stopped = new AbortController();
  /** Aborted to cancel the requests in flight. */
  readonly #aborted = new AbortController();
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

  get done(): number {
    return this.#results?.done.size ?? 0;
  }

  /** Sends no further request. Requests in flight are paid for, so they may finish. */
  cancel(): void {
    this.#stop("canceled");
  }

  /** Ends the batch at its expiry and cancels the requests in flight. */
  expire(): void {
    this.#stop("expired");
    this.#aborted.abort(new Error("The batch has expired."));
  }

  /** Stops for a closing server; its next run resumes the batch. With `drain`, requests in flight may finish. */
  halt({ drain }: { drain: boolean }): void {
    this.#stop("halted");
    this.#halted.abort();
    if (!drain) this.#aborted.abort(new Error("The server is closing."));
  }

  /** Resolves when the batch has ended, or was halted. */
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
      // the server closed before every request was marked
      if (this.#halted.signal.aborted) return;
    } finally {
      await results.close();
    }
    await store.end(this.#record, results.counts);
  }

  /** Runs a step when a reader slot is free; returns undefined if the server closes first. */
  async #withReader<T>(step: () => Promise<T>): Promise<T | undefined> {
    const release = await this.#parts.readers.acquire(this.#halted.signal).catch(() => undefined);
    return release && step().finally(release);
  }

  /** Reads a request only when a slot is free, so that waiting batches hold no file handles. */
  async #sendAll(results: Results): Promise<void> {
    const inFlight = new Set<Promise<void>>();
    const failures: unknown[] = [];
    const requests = this.#requests(results);
    const { signal } = this.#stopped;
    while (failures.length === 0) {
      // rejects only when the batch stops
      const release = await this.#parts.slots.acquire(signal).catch(() => undefined);
      if (!release) break;
      const next = await requests.next().catch((error: unknown) => void failures.push(error));
      if (!next?.value) {
        release();
        break;
      }
      const job = this.#answer(next.value, results)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          inFlight.delete(job);
          release();
        });
      inFlight.add(job);
    }
    // store the results of requests in flight even if reading failed
    await Promise.all(inFlight);
    if (failures.length > 0) throw failures[0];
  }

  async *#requests(results: Results): AsyncGenerator<StoredRequest, void, undefined> {
    for await (const request of readRequests(this.#parts.store.requestsPath(this.#record.id))) {
      if (!results.done.has(request.custom_id)) yield request;
    }
  }

  async #answer({ custom_id, params }: StoredRequest, results: Results): Promise<void> {
    const result = await this.#resultOf(params);
    // a response that is paid for must not be lost to a full disk
    for (let failures = 1; result; failures++) {
      const stored = await results.append(custom_id, result).then(
        () => true,
        (error: Error) => this.#parts.logger.error(`batch ${this.#record.id}: ${errorText(error)}`),
      );
      const { signal } = this.#halted;
      if (stored || signal.aborted) return;
      // ends early when the server closes
      await delay(backoffDelay(failures, this.#parts.backoff), undefined, { signal }).catch(() => {});
    }
  }

  /** Returns undefined if the request was interrupted and must be sent again. */
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
      // ends early when the batch stops
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

  /** Throws if nothing may be sent. Checks the clock, because timers stop while the computer sleeps. */
  #confirm(): void {
    if (Date.now() >= Date.parse(this.#record.expires_at)) this.expire();
    this.#stopped.signal.throwIfAborted();
  }

  #unsent(): Result | undefined {
    return this.#end === "canceled" || this.#end === "expired" ? { type: this.#end } : undefined;
  }

  #unexpected(error: Error): ApiError {
    this.#parts.logger.error(`batch ${this.#record.id}: ${error.stack}`);
    return internalError();
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
    // a canceled batch does not expire afterwards, but a closing server leaves the rest to its next run
    if (this.#end === undefined || end === "halted") this.#end = end;
    this.#stopped.abort(new Error(end));
  }
}
