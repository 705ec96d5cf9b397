import { Worker } from "node:worker_threads";
import { shuttingDown } from "../api/errors.ts";
import type { FileSource } from "./fileSources.ts";
import type { RequestFacts } from "./readRequest.ts";
import { type FromThread, type Job, type ToThread, toError, toFailure } from "./threadMessages.ts";

/** What a job needs of the server. */
export interface JobLink {
  files: FileSource;
  /** Called with the facts of a message before its files are read. */
  onFacts?(facts: RequestFacts): void;
  /** Rejects the job with its reason. Drops its bytes while it waits for the thread, and later ends a thread it holds. */
  signal?: AbortSignal | undefined;
}

export interface ThreadBounds {
  /** Milliseconds without a job after which the thread ends, which frees its memory. */
  idleTime: number;
  /** Megabytes its objects may take: beyond it the thread ends, not the process. */
  maxHeap: number;
  /** Milliseconds that a job may take when its client has left. After that the thread ends; the next job starts another. */
  maxAfterAbort: number;
}

/** A thread takes some 100 ms to start, so a job that is soon done does not end it. */
const defaultBounds: ThreadBounds = { idleTime: 30_000, maxHeap: 1024, maxAfterAbort: 1000 };

/** Runs jobs one after the other on a thread that starts with the first one and ends when there are none for a while. */
export class ReaderThread {
  #thread: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #jobs = 0;
  #isClosed = false;
  #idle: NodeJS.Timeout | undefined;
  readonly #bounds: ThreadBounds;

  constructor(bounds: Partial<ThreadBounds> = {}) {
    this.#bounds = { ...defaultBounds, ...bounds };
  }

  get isRunning(): boolean {
    return this.#thread !== undefined;
  }

  /** Resolves with the job's result. Throws `ApiError`, and the signal's reason. The job's bytes are moved to the thread. */
  run(job: Job, link: JobLink): Promise<unknown> {
    const { signal } = link;
    clearTimeout(this.#idle);
    this.#jobs += 1;
    return new Promise((resolve, reject) => {
      let waiting: Job | undefined = job;
      const drop = () => {
        waiting = undefined;
        reject(signal?.reason);
      };
      if (signal?.aborted) drop();
      signal?.addEventListener("abort", drop, { once: true });
      this.#last = this.#last
        .then(() => waiting && this.#run(waiting, link))
        .then(resolve, reject)
        .finally(() => {
          signal?.removeEventListener("abort", drop);
          this.#endJob();
        });
    });
  }

  /** Starts the timer apart from `run`, whose scope would keep the job's result in memory. */
  #endJob(): void {
    this.#jobs -= 1;
    if (this.#jobs === 0) this.#idle = setTimeout(() => void this.#stop(), this.#bounds.idleTime).unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  #start(): Worker {
    const thread = startThread(this.#bounds.maxHeap);
    this.#thread = thread;
    // also between two jobs, when nothing else listens: an error without a listener ends the process
    thread.on("error", () => this.#forget(thread)).on("exit", () => this.#forget(thread));
    thread.unref();
    return thread;
  }

  /** The next job needs another thread. */
  #forget(thread: Worker): void {
    if (this.#thread === thread) this.#thread = undefined;
  }

  #run(job: Job, { files, onFacts, signal }: JobLink): Promise<unknown> {
    if (this.#isClosed) throw shuttingDown();
    const thread = this.#thread ?? this.#start();
    return new Promise((resolve, reject) => {
      const unwatch = this.#watchLeaving(signal, () => {
        lost(signal?.reason);
        void thread.terminate();
      });
      const settle = (error: Error | undefined, result?: unknown) => {
        unwatch();
        thread.off("message", take).off("error", lost).off("exit", ended);
        if (error) reject(error);
        else resolve(result);
      };
      const lost = (error: Error) => {
        this.#forget(thread);
        settle(error);
      };
      const ended = () => lost(new Error("The thread that reads bodies has ended."));
      const take = (message: FromThread) => {
        if ("facts" in message) onFacts?.(message.facts);
        else if ("call" in message) void answer(thread, message, files);
        else if ("failure" in message) settle(toError(message.failure));
        else settle(undefined, message.result);
      };
      thread.on("message", take).on("error", lost).on("exit", ended);
      thread.postMessage({ job } satisfies ToThread, [job.bytes.buffer]);
    });
  }

  /** Calls `expire` when a job that starts now outlasts its client by too much. Returns what ends that. */
  #watchLeaving(signal: AbortSignal | undefined, expire: () => void): () => void {
    const until = performance.now() + this.#bounds.maxAfterAbort;
    let timer: NodeJS.Timeout | undefined;
    const leave = () => {
      timer = setTimeout(expire, Math.max(0, until - performance.now()));
    };
    signal?.addEventListener("abort", leave, { once: true });
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
    };
  }
}

async function answer(thread: Worker, call: Extract<FromThread, { call: string }>, files: FileSource): Promise<void> {
  const message: ToThread = await (call.call === "get" ? files.get(call.argument) : files.content(call.argument)).then(
    (value) => ({ answer: value }),
    (error) => ({ failure: toFailure(error) }),
  );
  thread.postMessage(message);
}

/** The file beside this one, whose name ends like that of this one: as a source, or as a bundle. */
function startThread(maxOldGenerationSizeMb: number): Worker {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const entry = new URL(`./readerThreadEntry.${extension}`, import.meta.url);
  return new Worker(entry, { execArgv: [], env: {}, resourceLimits: { maxOldGenerationSizeMb } });
}
