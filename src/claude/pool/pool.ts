import type { Logger } from "../../shared/logger.ts";
import { untilAborted } from "../../shared/untilAborted.ts";
import type { LaunchRequest } from "../launchPlan.ts";
import type { Cli } from "../locate/locate.ts";
import { guardMemory } from "../process/memoryGuard.ts";
import type { EncodedJson } from "../protocol/encodedJson.ts";
import { isSignedIn } from "../signIn/account.ts";
import type { CliDescription } from "../signIn/description.ts";
import { DescriptionCache } from "../signIn/descriptionCache.ts";
import { type TransportName, TransportUnavailable } from "../transport/transport.ts";
import type { Worker } from "../worker.ts";
import { IdleEvictor, type IdleLimits } from "./idleEvictor.ts";
import { IdleWorkers } from "./idleWorkers.ts";
import { isWornOut, type WearLimits } from "./isWornOut.ts";
import { isLoop, type Origin } from "./loopDetection.ts";
import { PendingWorkers } from "./pendingWorkers.ts";
import { PrioritySemaphore } from "./prioritySemaphore.ts";
import { plainKey, serializeKey, type WorkerKey } from "./workerKey.ts";
import { type WorkerFactory, WorkerStarter } from "./workerStarter.ts";

export interface PoolOptions extends IdleLimits, WearLimits {
  maxConcurrent: number;
  maxQueue: number;
  warm: number;
  maxBusyWorkerMemory: number;
}

/** The key of workers that count; no request has it. */
const COUNTER_KEY = "counts";

export interface Lease {
  worker: Worker;
  /** Returns the worker. `discard`: it must not serve again. */
  release(discard?: boolean): void;
}

/** Workers that count tokens, apart from those that serve requests. They take no slot. */
export interface CountingWorkers {
  /** Throws `TransportUnavailable` if counts cannot be exact now. */
  requireExact(): Promise<void>;
  /** Throws `ApiError` if the CLI does not start, and `TransportUnavailable`. */
  prepare(key: WorkerKey<string | EncodedJson> & LaunchRequest): Promise<Worker>;
  /** As the last initialized worker has described it. */
  isSignedIn(): boolean;
  /** An idle worker that has counted before. */
  take(): Worker | undefined;
  /** Makes the worker idle, or stops it if it must not serve again. */
  giveBack(worker: Worker): Promise<void>;
  learnFrom(worker: Worker): void;
  dismiss(worker: Worker): void;
}

/** Lends workers: an idle one with the same key, else a blank one, else a new one. */
export class Pool {
  readonly #factory: WorkerFactory;
  readonly #options: PoolOptions;
  readonly #logger: Logger;
  readonly #slots: PrioritySemaphore;
  readonly #endGuard: () => void;
  readonly #pending = new PendingWorkers();
  readonly #idle = new IdleWorkers();
  readonly #evictor: IdleEvictor;
  readonly #starter: WorkerStarter;
  #warming = 0;
  #closed = false;
  readonly #descriptions: DescriptionCache;
  readonly counting: CountingWorkers;

  constructor(factory: WorkerFactory, options: PoolOptions, logger: Logger) {
    this.#factory = factory;
    this.#options = options;
    this.#logger = logger;
    this.#descriptions = new DescriptionCache(logger, () => this.#describe());
    this.#slots = new PrioritySemaphore(options.maxConcurrent, options.maxQueue);
    this.#starter = new WorkerStarter({
      ...{ factory, logger, idle: this.#idle, maxWorkers: 2 * options.maxConcurrent + options.warm },
      onDescription: (description) => this.#descriptions.accept(description),
      onTaken: () => this.warmUp(),
      onTransportChange: () => {
        for (const idle of this.#idle.takeRewriting()) this.#starter.dismiss(idle);
      },
    });
    this.#evictor = new IdleEvictor(this.#idle, options, (worker) => this.#starter.dismiss(worker));
    this.counting = {
      prepare: (key) => this.#starter.prepare(key),
      requireExact: async () => {
        await this.#followManagedSettings();
        factory.choice.requireCounts();
      },
      isSignedIn: () => this.description !== undefined && isSignedIn(this.description),
      take: () => this.#idle.take(COUNTER_KEY),
      giveBack: (worker) => this.#takeBack(worker, COUNTER_KEY),
      learnFrom: (worker) => this.#starter.learnFrom(worker),
      dismiss: (worker) => this.#starter.dismiss(worker),
    };
    this.#endGuard = guardMemory(this.#starter.workers, options.maxBusyWorkerMemory);
  }

  get stats() {
    return { waiting: this.#slots.waiting, workers: this.#starter.workers.size };
  }

  isLoop(origin: Origin): boolean {
    return isLoop(this.#starter.workers, origin);
  }

  /** Undefined before the first worker is initialized. */
  get description(): CliDescription | undefined {
    return this.#descriptions.latest;
  }

  /** Starts missing spare workers. The next request reports failures. */
  warmUp(): void {
    for (
      let missing = this.#options.warm - this.#idle.blanks - this.#warming;
      missing > 0 && !this.#closed;
      missing--
    ) {
      this.#warming += 1;
      this.#startSpare()
        .catch((error: Error) => this.#logger.warn(error.message))
        .finally(() => {
          this.#warming -= 1;
        });
    }
  }

  get transport(): TransportName {
    return this.#factory.choice.name;
  }

  get countTransport(): TransportName {
    return this.#factory.choice.countReason === undefined ? "rewrite" : "overlay";
  }

  /**
   * Asks the CLI for its models and sign-in, on a worker that stays for requests without a system prompt. Takes no
   * slot. Throws `ApiError` if the CLI does not start.
   */
  describe(question?: { afresh?: boolean }): Promise<CliDescription> {
    // an idle worker knows only the sign-in from its start
    if (question?.afresh) this.renew();
    return this.#descriptions.describe(question);
  }

  noteAnswer(): void {
    this.#descriptions.noteAnswer();
  }

  /** Asks the CLI again in the background if it was signed out or upstream has rejected its sign-in. */
  refresh(): void {
    this.#descriptions.refresh();
  }

  /**
   * Lends a worker with this key, a new one if `fresh`. Throws `ApiError` if the queue is full or the CLI does not
   * start, `TransportUnavailable`, and the signal's reason when aborted.
   */
  async lease(key: WorkerKey, signal: AbortSignal, fresh = false): Promise<Lease> {
    const freeSlot = await (key.background ? this.#slots.acquireLowPriority(signal) : this.#slots.acquire(signal));
    const lending = this.#lend(key, freeSlot, fresh);
    try {
      return await untilAborted(lending, signal);
    } catch (error) {
      // a starting worker keeps the slot and then serves another request
      lending.then(({ release }) => release()).catch(() => {});
      throw error;
    }
  }

  async #lend(key: WorkerKey, freeSlot: () => void, fresh: boolean): Promise<Lease> {
    try {
      await this.#followManagedSettings();
      this.#factory.choice.requireTransport(key.transport);
      const name = serializeKey(key);
      const ready = fresh ? undefined : (this.#idle.take(name) ?? (await this.#takePending(name)));
      const worker = ready ?? (await this.#starter.prepare(key));
      const release = (discard = false) => {
        // the next request uses what this one has shown
        this.#starter.learnFrom(worker);
        const returned = this.#return(worker, name, discard).catch(() => this.#starter.dismiss(worker));
        this.#pending.announce(name, returned);
        void returned.then(freeSlot);
      };
      return { worker, release };
    } catch (error) {
      freeSlot();
      throw error;
    }
  }

  /** Replaces the workers when managed settings change, since they may lack a mod. */
  async #followManagedSettings(): Promise<void> {
    if (!(await this.#factory.choice.hasManagementChanged())) return;
    this.#logger.info("managed settings have changed: all workers are replaced");
    this.#stopIdle();
  }

  /** Stops every worker once it is idle: each keeps the sign-in from its start. */
  renew(): void {
    this.#factory.choice.reset();
    this.#descriptions.markStale();
    this.#stopIdle();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endGuard();
    this.#evictor.close();
    this.#slots.close();
    this.#idle.clear();
    await this.#starter.close();
  }

  /** Stops the idle workers, and marks all but `current` as outdated. */
  #stopIdle(current?: Worker): void {
    this.#starter.renew(current);
    for (const worker of this.#idle.clear()) this.#starter.dismiss(worker);
  }

  async #describe(): Promise<void> {
    const key = plainKey(this.transport);
    try {
      await this.#pending.announce(serializeKey(key), this.#describeOnWorker(key));
    } catch (error) {
      if (!(error instanceof TransportUnavailable) || key.transport === "overlay") throw error;
      await this.#describe();
    }
  }

  /** Running workers may keep the old state, so a signed-out CLI is asked on a new one. */
  async #describeOnWorker(key: WorkerKey): Promise<void> {
    const wasSignedOut = this.#descriptions.isSignedOut;
    const worker = await this.#starter.prepare(key, wasSignedOut);
    if (wasSignedOut && !this.#descriptions.isSignedOut) this.#stopIdle(worker);
    this.#makeIdle(worker, serializeKey(key));
  }

  /** Initializes the worker at once if its requests carry the system prompt. */
  async #startSpare(): Promise<void> {
    const worker = await this.#starter.start({ transport: await this.#factory.chooseTransport() });
    if (worker.transport.name === "rewrite") {
      try {
        await this.#starter.initialize(worker, "");
      } catch (error) {
        this.#starter.dismiss(worker);
        this.#starter.learnFrom(worker);
        throw error;
      }
    }
    this.#makeIdle(worker, undefined);
  }

  /** Waits the milliseconds that a finishing worker takes, instead of starting another. */
  async #takePending(key: string): Promise<Worker | undefined> {
    await this.#pending.next(key);
    return this.#idle.take(key);
  }

  async #return(worker: Worker, key: string, discard: boolean): Promise<void> {
    const isReusable = await worker.settle();
    this.#starter.learnFrom(worker);
    if (!worker.alive) return;
    if (!isReusable || discard) this.#starter.dismiss(worker);
    else await this.#takeBack(worker, key);
  }

  async #takeBack(worker: Worker, key: string): Promise<void> {
    if (this.#closed || (worker.alive && (await this.#isWornOut(worker)))) this.#starter.dismiss(worker);
    else this.#makeIdle(worker, key);
  }

  /** A signed-out worker is stopped, since it would not notice that the user signs in. */
  #makeIdle(worker: Worker, key: string | undefined): void {
    if (!worker.alive || this.#closed) return;
    if (this.#starter.isCurrent(worker) && !this.#descriptions.needsSignIn) {
      this.#idle.add(worker, key);
      this.#evictor.check();
    } else {
      this.#starter.dismiss(worker);
    }
  }

  /** The first worker with an updated CLI stops the others. */
  #isWornOut(worker: Worker): Promise<boolean> {
    const isOutdated = async (cli: Cli) => {
      if (cli !== this.#factory.found) return true;
      if (!(await this.#factory.isOutdated(cli))) return false;
      this.#stopIdle();
      return true;
    };
    return isWornOut(worker, { ...this.#options, isOutdated });
  }
}
