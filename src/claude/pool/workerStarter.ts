import { isForbidden, isScarcity } from "../../api/cliErrors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Launcher } from "../launcher.ts";
import type { LaunchRequest } from "../launchPlan.ts";
import type { EncodedJson } from "../protocol/encodedJson.ts";
import type { CliDescription } from "../signIn/description.ts";
import { TransportUnavailable } from "../transport/transport.ts";
import type { Worker } from "../worker.ts";
import type { IdleWorkers } from "./idleWorkers.ts";
import type { WorkerKey } from "./workerKey.ts";

/** The part of the launcher that a pool uses. */
export type WorkerFactory = Pick<
  Launcher,
  "choice" | "chooseTransport" | "found" | "isOutdated" | "isReplaced" | "launch" | "learnFrom"
>;

export interface WorkerStarterParts {
  factory: WorkerFactory;
  idle: IdleWorkers;
  logger: Logger;
  /** At this number, the longest idle worker is stopped for each new one. */
  maxWorkers: number;
  onDescription(description: CliDescription): void;
  /** A spare worker may be missing. */
  onTaken(): void;
  onTransportChange(): void;
}

/** Each idle worker holds three file descriptors; a start briefly needs eight. */
const EVICTIONS_PER_START = 3;

/** Starts and initializes a pool's workers, and tracks those that run. */
export class WorkerStarter {
  readonly #parts: WorkerStarterParts;
  readonly workers = new Set<Worker>();
  #current = new WeakSet<Worker>();
  /** Workers that have their system prompt, or need none. */
  readonly #initialized = new WeakSet<Worker>();
  #closed = false;

  constructor(parts: WorkerStarterParts) {
    this.#parts = parts;
  }

  /**
   * An initialized worker for this key: a blank one unless `isNew`, else a new one. Throws `ApiError` if the CLI does
   * not start, and `TransportUnavailable`.
   */
  async prepare(key: WorkerKey<string | EncodedJson> & LaunchRequest, isNew = false): Promise<Worker> {
    const { idle, onTaken } = this.#parts;
    const { transport, system, betas, background = false, counts = false } = key;
    const mayBeBlank = !isNew && betas.length === 0 && !background && !counts;
    let blank = mayBeBlank ? idle.takeBlank(transport) : undefined;
    for (let isSecond = false; ; ) {
      const worker = blank ?? (await this.#startOrEvict(key));
      onTaken();
      if (this.#initialized.has(worker)) return worker;
      try {
        await this.initialize(worker, system);
        return worker;
      } catch (error) {
        this.dismiss(worker);
        const lacksMod = this.learnFrom(worker);
        if (error instanceof TransportUnavailable) throw error;
        // a blank worker may have died while it waited; a new one that fails shows the cause
        if (!blank && (isSecond || !(lacksMod || (await this.#isReplaced(worker, error))))) throw error;
        isSecond = !blank;
        blank = undefined;
      }
    }
  }

  async start(request: LaunchRequest): Promise<Worker> {
    const { factory, idle } = this.#parts;
    this.#makeRoom();
    const current = this.#current;
    const worker = await factory.launch(request);
    for (const outdated of idle.takeOthers(factory.found)) this.dismiss(outdated);
    current.add(worker);
    this.workers.add(worker);
    void worker.exited.then(() => {
      this.workers.delete(worker);
      idle.remove(worker);
    });
    if (this.#closed) this.dismiss(worker);
    return worker;
  }

  async initialize(worker: Worker, system: string | EncodedJson): Promise<void> {
    this.#parts.onDescription(await worker.initialize(system));
    this.learnFrom(worker);
    this.#initialized.add(worker);
  }

  /** Records what a worker has shown; true if it lacked a mod. */
  learnFrom(worker: Worker): boolean {
    const { factory, onTransportChange } = this.#parts;
    const before = factory.choice.name;
    const lacksMod = factory.learnFrom(worker);
    if (factory.choice.name !== before) onTransportChange();
    return lacksMod;
  }

  isCurrent(worker: Worker): boolean {
    return this.#current.has(worker) && worker.cli === this.#parts.factory.found;
  }

  /** Marks all workers but this one as outdated. */
  renew(worker?: Worker): void {
    this.#current = new WeakSet(worker && [worker]);
  }

  dismiss(worker: Worker): void {
    worker.stop().catch((error: Error) => this.#parts.logger.warn(error.message));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.workers].map((worker) => worker.stop()));
  }

  /** If the system is out of resources, stops idle workers and tries again. */
  async #startOrEvict(request: LaunchRequest): Promise<Worker> {
    const { idle, logger } = this.#parts;
    try {
      return await this.start(request);
    } catch (error) {
      const freed = isScarcity(error) ? idle.takeOldest(EVICTIONS_PER_START) : [];
      if (freed.length === 0) throw error;
      logger.info(`${freed.length} idle workers are stopped to free resources: ${(error as Error).message}`);
      await Promise.all(freed.map((worker) => worker.stop()));
      return await this.start(request);
    }
  }

  async #isReplaced({ cli }: Worker, error: unknown): Promise<boolean> {
    return cli !== undefined && !isForbidden(error) && (await this.#parts.factory.isReplaced(cli));
  }

  /**
   * Stops the longest idle worker once as many may be idle as busy. With a lower limit, clients with alternating system
   * prompts would evict each other's workers.
   */
  #makeRoom(): void {
    if (this.workers.size < this.#parts.maxWorkers) return;
    for (const worker of this.#parts.idle.takeOldest(1)) this.dismiss(worker);
  }
}
