import { isForbidden } from "../api/cliErrors.ts";
import type { Logger } from "../shared/logger.ts";
import { untilAborted } from "../shared/untilAborted.ts";
import { isSignedIn } from "./account.ts";
import { Arrivals } from "./arrivals.ts";
import { Counters } from "./counters.ts";
import type { CliDescription } from "./description.ts";
import type { EncodedJson } from "./encodedJson.ts";
import { IdleBounds, type IdleBoundsOptions } from "./idleBounds.ts";
import { IdleWorkers } from "./idleWorkers.ts";
import { isWorn, type WearBounds } from "./isWorn.ts";
import { KnownDescription } from "./knownDescription.ts";
import type { Launcher } from "./launcher.ts";
import type { LaunchRequest } from "./launchPlan.ts";
import { guardMemory } from "./memoryGuard.ts";
import { isNested, type Origin } from "./nesting.ts";
import { Slots } from "./slots.ts";
import { startAnyhow } from "./startAnyhow.ts";
import { type TransportName, TransportUnsuited } from "./transport.ts";
import type { Worker } from "./worker.ts";
import { nameOf, plainKey, type WorkerKey } from "./workerKey.ts";

export interface PoolOptions extends IdleBoundsOptions, WearBounds {
  maxConcurrent: number;
  maxQueue: number;
  warm: number;
  maxBusyWorkerMemory: number;
}

/** What a pool needs of the launcher. */
export type WorkerFactory = Pick<Launcher, "choice" | "chooseTransport" | "found" | "isReplaced" | "launch" | "learn">;

/** A worker lent for one request. */
export interface Lease {
  worker: Worker;
  /** Gives the worker back. `spent` says that it must not serve again. */
  release(spent?: boolean): void;
}

/** Lends workers: one that has the right system prompt already, else a blank one, else a new one. */
export class Pool {
  readonly #launcher: WorkerFactory;
  readonly #options: PoolOptions;
  readonly #logger: Logger;
  readonly #slots: Slots;
  readonly #workers = new Set<Worker>();
  /** Those with the sign-in of now. */
  #current = new WeakSet<Worker>();
  readonly #initialized = new WeakSet<Worker>();
  readonly #endGuard: () => void;
  readonly #arrivals = new Arrivals();
  readonly #idle = new IdleWorkers();
  readonly #idleBounds: IdleBounds;
  #warming = 0;
  #closed = false;
  readonly #known: KnownDescription;
  readonly counters: Counters;

  constructor(launcher: WorkerFactory, options: PoolOptions, logger: Logger) {
    this.#launcher = launcher;
    this.#options = options;
    this.#logger = logger;
    this.#known = new KnownDescription(logger, () => this.#describe());
    this.#slots = new Slots(options.maxConcurrent, options.maxQueue);
    this.#idleBounds = new IdleBounds(this.#idle, options, (worker) => this.#dismiss(worker));
    this.counters = new Counters({
      ...options,
      prepare: (key) => this.#prepare(key),
      requireRewrite: () => launcher.choice.require("rewrite"),
      isSignedIn: () => this.description !== undefined && isSignedIn(this.description),
      isCurrent: (worker) => this.#isCurrent(worker),
      learn: (worker) => this.#learn(worker),
      dismiss: (worker) => this.#dismiss(worker),
    });
    this.#endGuard = guardMemory(this.#workers, options.maxBusyWorkerMemory);
  }

  get stats() {
    return { waiting: this.#slots.waiting, workers: this.#workers.size };
  }

  /** Whether a request was sent by one of these workers. */
  isNested(origin: Origin): boolean {
    return isNested(this.#workers, origin);
  }

  /** What the CLI last said of its models and sign-in; undefined before any worker was initialized. */
  get description(): CliDescription | undefined {
    return this.#known.latest;
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
    return this.#launcher.choice.name;
  }

  /**
   * Asks the CLI for its models and sign-in, on a worker without system prompt that then stays for requests like that.
   * Takes no place from a request. Throws `ApiError` when the CLI cannot be started.
   */
  describe(): Promise<CliDescription> {
    return this.#known.describe();
  }

  /** Asks the CLI again, in the background, if upstream has refused the sign-in that it described. */
  refresh(): void {
    this.#known.refresh();
  }

  /**
   * Lends a worker with this key, one that has not served yet if it must be `fresh`.
   * Throws `ApiError` when the line is full or the CLI cannot be started, `TransportUnsuited` when the request must take the
   * other transport, and the signal's reason when it is aborted.
   */
  async lease(key: WorkerKey, signal: AbortSignal, fresh = false): Promise<Lease> {
    const freeSlot = await (key.background ? this.#slots.acquireBehind(signal) : this.#slots.acquire(signal));
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
      await this.#launcher.choice.require(key.transport);
      const name = nameOf(key);
      const ready = fresh ? undefined : (this.#idle.take(name) ?? (await this.#nextToArrive(name)));
      const worker = ready ?? (await this.#prepare(key));
      const release = (spent = false) => {
        // what the request has shown counts for the one that comes next
        this.#learn(worker);
        const returned = this.#return(worker, name, spent).catch(() => this.#dismiss(worker));
        this.#arrivals.expect(name, returned);
        void returned.then(freeSlot);
      };
      return { worker, release };
    } catch (error) {
      freeSlot();
      throw error;
    }
  }

  /** Lets every worker go that was started before, once it is idle: each keeps the sign-in it was started with. */
  renew(): void {
    this.#current = new WeakSet();
    this.#launcher.choice.forget();
    this.#known.doubt();
    this.counters.renew();
    for (const worker of this.#idle.clear()) this.#dismiss(worker);
  }

  /** Stops every worker; resolves when all are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endGuard();
    this.#idleBounds.close();
    this.#slots.close();
    this.counters.close();
    this.#idle.clear();
    await Promise.all([...this.#workers].map((worker) => worker.stop()));
  }

  async #describe(): Promise<void> {
    const key = plainKey(this.transport);
    const described = this.#prepare(key).then((worker) => this.#park(worker, nameOf(key)));
    this.#arrivals.expect(nameOf(key), described);
    try {
      await described;
    } catch (error) {
      if (!(error instanceof TransportUnsuited) || key.transport === "overlay") throw error;
      await this.#describe();
    }
  }

  /** Initializes the worker at once where the system prompt does not belong to it. */
  async #startSpare(): Promise<void> {
    const worker = await this.#start({ transport: await this.#launcher.chooseTransport() });
    if (worker.transport.name === "rewrite") {
      try {
        await this.#initialize(worker, "");
      } catch (error) {
        this.#dismiss(worker);
        this.#learn(worker);
        throw error;
      }
    }
    this.#park(worker, undefined);
  }

  async #initialize(worker: Worker, system: string | EncodedJson): Promise<void> {
    this.#known.accept(await worker.initialize(system));
    this.#learn(worker);
    this.#initialized.add(worker);
  }

  /** Takes what a worker has shown; returns whether it lacked a mod. */
  #learn(worker: Worker): boolean {
    const { choice } = this.#launcher;
    const before = choice.name;
    const lacksMod = this.#launcher.learn(worker);
    if (choice.name !== before) {
      this.counters.renew();
      for (const idle of this.#idle.takeRewriting()) this.#dismiss(idle);
    }
    return lacksMod;
  }

  /** Waits for a worker that is just winding up, which takes milliseconds, rather than start another. */
  async #nextToArrive(key: string): Promise<Worker | undefined> {
    return (await this.#arrivals.next(key)) ? this.#idle.take(key) : undefined;
  }

  async #prepare(key: WorkerKey<string | EncodedJson> & LaunchRequest): Promise<Worker> {
    const { transport, system, betas, background = false, counts = false } = key;
    let blank = betas.length === 0 && !background && !counts ? this.#idle.takeBlank(transport) : undefined;
    for (let isSecond = false; ; ) {
      const worker = blank ?? (await startAnyhow(() => this.#start(key), this.#idle, this.#logger));
      this.warmUp();
      if (this.#initialized.has(worker)) return worker;
      try {
        await this.#initialize(worker, system);
        return worker;
      } catch (error) {
        this.#dismiss(worker);
        const lacksMod = this.#learn(worker);
        if (error instanceof TransportUnsuited) throw error;
        // a blank worker may have died unnoticed while it waited; a new one that fails shows what is wrong
        if (!blank && (isSecond || !(lacksMod || (await this.#isReplaced(worker, error))))) throw error;
        isSecond = !blank;
        blank = undefined;
      }
    }
  }

  async #isReplaced({ cli }: Worker, error: unknown): Promise<boolean> {
    return cli !== undefined && !isForbidden(error) && (await this.#launcher.isReplaced(cli));
  }

  async #start(request: LaunchRequest): Promise<Worker> {
    this.#makeRoom();
    const current = this.#current;
    const worker = await this.#launcher.launch(request);
    for (const outdated of this.#idle.takeOthers(this.#launcher.found)) this.#dismiss(outdated);
    current.add(worker);
    this.#workers.add(worker);
    void worker.exited.then(() => {
      this.#workers.delete(worker);
      this.#idle.remove(worker);
    });
    if (this.#closed) this.#dismiss(worker);
    return worker;
  }

  async #return(worker: Worker, key: string, spent: boolean): Promise<void> {
    const fit = await worker.settle();
    this.#learn(worker);
    if (!worker.alive) return;
    if (!fit || spent || this.#closed || (await isWorn(worker, this.#options))) this.#dismiss(worker);
    else this.#park(worker, key);
  }

  #park(worker: Worker, key: string | undefined): void {
    if (!worker.alive || this.#closed) return;
    if (this.#isCurrent(worker)) {
      this.#idle.add(worker, key);
      this.#idleBounds.check();
    } else {
      this.#dismiss(worker);
    }
  }

  /** Whether it has the sign-in and the CLI of now. */
  #isCurrent(worker: Worker): boolean {
    return this.#current.has(worker) && worker.cli === this.#launcher.found;
  }

  /**
   * Lets the longest idle worker go when as many are idle as may be busy: with fewer, clients that take turns with
   * their system prompts would drive out each other's workers.
   */
  #makeRoom(): void {
    const { maxConcurrent, warm } = this.#options;
    if (this.#workers.size < 2 * maxConcurrent + warm) return;
    for (const worker of this.#idle.takeOldest(1)) this.#dismiss(worker);
  }

  #dismiss(worker: Worker): void {
    worker.stop().catch((error: Error) => this.#logger.warn(error.message));
  }
}
