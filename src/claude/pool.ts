import type { Logger } from "../shared/logger.ts";
import { untilAborted } from "../shared/untilAborted.ts";
import { isSignedIn } from "./account.ts";
import { Counters } from "./counters.ts";
import type { CliDescription } from "./description.ts";
import { DescriptionCache } from "./descriptionCache.ts";
import { IdleEvictor, type IdleLimits } from "./idleEvictor.ts";
import { IdleWorkers } from "./idleWorkers.ts";
import { isWornOut, type WearLimits } from "./isWornOut.ts";
import type { Cli } from "./locate.ts";
import { isLoop, type Origin } from "./loopDetection.ts";
import { guardMemory } from "./memoryGuard.ts";
import { PendingWorkers } from "./pendingWorkers.ts";
import { PrioritySemaphore } from "./prioritySemaphore.ts";
import { type TransportName, TransportUnavailable } from "./transport.ts";
import type { Worker } from "./worker.ts";
import { nameOf, plainKey, type WorkerKey } from "./workerKey.ts";
import { type WorkerFactory, WorkerStarter } from "./workerStarter.ts";

export interface PoolOptions extends IdleLimits, WearLimits {
  maxConcurrent: number;
  maxQueue: number;
  warm: number;
  maxBusyWorkerMemory: number;
}

/** The key of workers that count, which no request has. */
const COUNTER_KEY = "counts";

/** A worker lent for one request. */
export interface Lease {
  worker: Worker;
  /** Gives the worker back. `discard` says that it must not serve again. */
  release(discard?: boolean): void;
}

/** Lends workers: an idle one of the same key, else a blank one, else a new one. */
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
  readonly counters: Counters;

  constructor(factory: WorkerFactory, options: PoolOptions, logger: Logger) {
    this.#factory = factory;
    this.#options = options;
    this.#logger = logger;
    this.#descriptions = new DescriptionCache(logger, () => this.#describe());
    this.#slots = new PrioritySemaphore(options.maxConcurrent, options.maxQueue);
    this.#starter = new WorkerStarter({
      ...{ factory, logger, idle: this.#idle, maxWorkers: 2 * options.maxConcurrent + options.warm },
      described: (description) => this.#descriptions.accept(description),
      taken: () => this.warmUp(),
      transportChanged: () => {
        for (const idle of this.#idle.takeRewriting()) this.#starter.dismiss(idle);
      },
    });
    this.#evictor = new IdleEvictor(this.#idle, options, (worker) => this.#starter.dismiss(worker));
    this.counters = new Counters({
      maxQueue: options.maxQueue,
      prepare: (key) => this.#starter.prepare(key),
      requireExact: async () => {
        await this.#followManagement();
        factory.choice.requireCounts();
      },
      isSignedIn: () => this.description !== undefined && isSignedIn(this.description),
      take: () => this.#idle.take(COUNTER_KEY),
      giveBack: (worker) => this.#takeBack(worker, COUNTER_KEY),
      learnFrom: (worker) => this.#starter.learnFrom(worker),
      dismiss: (worker) => this.#starter.dismiss(worker),
    });
    this.#endGuard = guardMemory(this.#starter.workers, options.maxBusyWorkerMemory);
  }

  get stats() {
    return { waiting: this.#slots.waiting, workers: this.#starter.workers.size };
  }

  /** Whether a request was sent by one of these workers. */
  isLoop(origin: Origin): boolean {
    return isLoop(this.#starter.workers, origin);
  }

  /** What the CLI last said of its models and sign-in; undefined before any worker was initialized. */
  get description(): CliDescription | undefined {
    return this.#descriptions.latest;
  }

  /** Starts the spare workers that are missing; failures are logged, since the next request meets them again. */
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

  /** How requests travel now, as far as it is known. */
  get transport(): TransportName {
    return this.#factory.choice.name;
  }

  /** How counts travel now, as far as it is known. */
  get countTransport(): TransportName {
    return this.#factory.choice.countReason === undefined ? "rewrite" : "overlay";
  }

  /**
   * Asks the CLI for its models and sign-in, on a worker without system prompt that then stays for requests like that.
   * Takes no place from a request. Throws `ApiError` when the CLI cannot be started.
   */
  describe(question?: { afresh?: boolean }): Promise<CliDescription> {
    // a worker that waits knows only the sign-in it was started with
    if (question?.afresh) this.renew();
    return this.#descriptions.describe(question);
  }

  /** Takes that upstream has answered a request. */
  noteAnswer(): void {
    this.#descriptions.noteAnswer();
  }

  /** Asks the CLI again, in the background, if it was signed out, or upstream has refused the sign-in that it described. */
  refresh(): void {
    this.#descriptions.refresh();
  }

  /**
   * Lends a worker with this key, one that has not served yet if it must be `fresh`.
   * Throws `ApiError` when the line is full or the CLI cannot be started, `TransportUnavailable` when the request must take the
   * other transport, and the signal's reason when it is aborted.
   */
  async lease(key: WorkerKey, signal: AbortSignal, fresh = false): Promise<Lease> {
    const freeSlot = await (key.background ? this.#slots.acquireLowPriority(signal) : this.#slots.acquire(signal));
    const lending = this.#lend(key, freeSlot, fresh);
    try {
      return await untilAborted(lending, signal);
    } catch (error) {
      // a worker that is still starting keeps the slot, and then serves another request
      lending.then(({ release }) => release()).catch(() => {});
      throw error;
    }
  }

  async #lend(key: WorkerKey, freeSlot: () => void, fresh: boolean): Promise<Lease> {
    try {
      await this.#followManagement();
      this.#factory.choice.require(key.transport);
      const name = nameOf(key);
      const ready = fresh ? undefined : (this.#idle.take(name) ?? (await this.#nextToArrive(name)));
      const worker = ready ?? (await this.#starter.prepare(key));
      const release = (discard = false) => {
        // what the request has shown counts for the one that comes next
        this.#starter.learnFrom(worker);
        const returned = this.#return(worker, name, discard).catch(() => this.#starter.dismiss(worker));
        this.#pending.expect(name, returned);
        void returned.then(freeSlot);
      };
      return { worker, release };
    } catch (error) {
      freeSlot();
      throw error;
    }
  }

  /** Workers do not outlive a change of managed settings, for which they may lack a mod. */
  async #followManagement(): Promise<void> {
    if (!(await this.#factory.choice.hasManagementChanged())) return;
    this.#logger.info("the managed settings of this machine have changed: workers are replaced");
    this.#stopIdle();
  }

  /** Lets every worker go that was started before, once it is idle: each keeps the sign-in it was started with. */
  renew(): void {
    this.#factory.choice.reset();
    this.#descriptions.markStale();
    this.#stopIdle();
  }

  /** Stops every worker; resolves when all are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endGuard();
    this.#evictor.close();
    this.#slots.close();
    this.counters.close();
    this.#idle.clear();
    await this.#starter.close();
  }

  /** All but this worker keep an older sign-in. */
  #stopIdle(current?: Worker): void {
    this.#starter.renew(current);
    for (const worker of this.#idle.clear()) this.#starter.dismiss(worker);
  }

  async #describe(): Promise<void> {
    const key = plainKey(this.transport);
    try {
      await this.#pending.expect(nameOf(key), this.#describeOnWorker(key));
    } catch (error) {
      if (!(error instanceof TransportUnavailable) || key.transport === "overlay") throw error;
      await this.#describe();
    }
  }

  /** Where the CLI was signed out, asks a new worker, since the others keep what they were started with. */
  async #describeOnWorker(key: WorkerKey): Promise<void> {
    const wasSignedOut = this.#descriptions.isSignedOut;
    const worker = await this.#starter.prepare(key, wasSignedOut);
    if (wasSignedOut && !this.#descriptions.isSignedOut) this.#stopIdle(worker);
    this.#park(worker, nameOf(key));
  }

  /** Initializes the worker at once where the system prompt does not belong to it. */
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
    this.#park(worker, undefined);
  }

  /** Waits for a worker that is just winding up, which takes milliseconds, rather than start another. */
  async #nextToArrive(key: string): Promise<Worker | undefined> {
    await this.#pending.next(key);
    return this.#idle.take(key);
  }

  async #return(worker: Worker, key: string, discard: boolean): Promise<void> {
    const fit = await worker.settle();
    this.#starter.learnFrom(worker);
    if (!worker.alive) return;
    if (!fit || discard) this.#starter.dismiss(worker);
    else await this.#takeBack(worker, key);
  }

  async #takeBack(worker: Worker, key: string): Promise<void> {
    if (this.#closed || (worker.alive && (await this.#isWornOut(worker)))) this.#starter.dismiss(worker);
    else this.#park(worker, key);
  }

  #park(worker: Worker, key: string | undefined): void {
    if (!worker.alive || this.#closed) return;
    if (this.#starter.isCurrent(worker)) {
      this.#idle.add(worker, key);
      this.#evictor.check();
    } else {
      this.#starter.dismiss(worker);
    }
  }

  /** The first whose CLI was updated lets all others of that CLI go, once they are idle. */
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
