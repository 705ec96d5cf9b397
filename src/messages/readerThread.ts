import { Worker } from "node:worker_threads";
import { shuttingDown } from "../api/errors.ts";
import type { FileSource } from "./inlineFiles.ts";
import type { RequestFacts } from "./readRequest.ts";
import { deserializeError, type FromThread, type Job, serializeError, type ToThread } from "./threadMessages.ts";

export interface JobHandlers {
  files: FileSource;
  /** Called before the files of a message are read. */
  onFacts?(facts: RequestFacts): void;
  /** Rejects the job and drops it from the queue. Ends the thread if it goes on for too long. */
  signal?: AbortSignal | undefined;
}

export interface ThreadBounds {
  /** Milliseconds without a job after which the thread ends, to free its memory. */
  idleTime: number;
  /** Megabytes of heap. Beyond them the thread ends, not the process. */
  maxHeap: number;
  /** Milliseconds that a job may run on after its client has left, before the thread ends. */
  maxAfterAbort: number;
}

/** A thread takes about 100 ms to start, so it is not ended for a job that is soon done. */
const defaultBounds: ThreadBounds = { idleTime: 30_000, maxHeap: 1024, maxAfterAbort: 1000 };

/** Runs jobs one after the other on a thread, which starts with the first job and ends when idle. */
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

  /** Resolves with the job's result. Throws `ApiError`, and the signal's reason. Transfers the job's bytes. */
  run(job: Job, link: JobHandlers): Promise<unknown> {
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

  /** Separate from `run`, whose scope would keep the job's result in memory while the timer runs. */
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
    // also listens between two jobs, since an error without a listener ends the process
    thread.on("error", () => this.#forget(thread)).on("exit", () => this.#forget(thread));
    thread.unref();
    return thread;
  }

  #forget(thread: Worker): void {
    if (this.#thread === thread) this.#thread = undefined;
  }

  #run(job: Job, { files, onFacts, signal }: JobHandlers): Promise<unknown> {
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
        else if ("failure" in message) settle(deserializeError(message.failure));
        else settle(undefined, message.result);
      };
      thread.on("message", take).on("error", lost).on("exit", ended);
      thread.postMessage({ job } satisfies ToThread, [job.bytes.buffer]);
    });
  }

  /**
   * Calls `expire` if the job that starts now outlasts its client by too much. Returns a function that ends the watch.
   */
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
    (error) => ({ failure: serializeError(error) }),
  );
  thread.postMessage(message);
}

/** Starts the entry beside this file, which is a source or a bundle. */
function startThread(maxOldGenerationSizeMb: number): Worker {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const entry = new URL(`./readerThreadEntry.${extension}`, import.meta.url);
  return new Worker(entry, { execArgv: [], env: {}, resourceLimits: { maxOldGenerationSizeMb } });
}
