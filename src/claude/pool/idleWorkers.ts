import type { Cli } from "../locate/locate.ts";
import { hasExpiredKey } from "../signIn/helperKey.ts";
import type { TransportName } from "../transport/transport.ts";
import type { Worker } from "../worker.ts";

interface Idle {
  worker: Worker;
  /** Undefined while the worker is blank. */
  key: string | undefined;
  since: number;
}

/** Workers that wait for a request, longest idle first. */
export class IdleWorkers {
  #idle: Idle[] = [];

  get blanks(): number {
    return this.#idle.filter(({ key }) => key === undefined).length;
  }

  /** Workers that have a key, longest idle first. */
  get keyed(): Worker[] {
    return this.#idle.filter(({ key }) => key !== undefined).map(({ worker }) => worker);
  }

  add(worker: Worker, key: string | undefined): void {
    this.#idle.push({ worker, key, since: performance.now() });
  }

  take(key: string): Worker | undefined {
    return this.#take((idle) => idle.key === key);
  }

  takeBlank(transport: TransportName): Worker | undefined {
    return this.#take(({ key, worker }) => key === undefined && worker.transport.name === transport);
  }

  #take(isWanted: (idle: Idle) => boolean): Worker | undefined {
    const isFit = ({ worker }: Idle) => worker.alive && !hasExpiredKey(worker);
    const index = this.#idle.findLastIndex((idle) => isWanted(idle) && isFit(idle));
    return index === -1 ? undefined : this.#idle.splice(index, 1)[0]?.worker;
  }

  remove(worker: Worker): void {
    this.#idle = this.#idle.filter((idle) => idle.worker !== worker);
  }

  /** Takes up to `count` workers that have a key, longest idle first, idle since before `before`. */
  takeOldest(count: number, before = Number.POSITIVE_INFINITY): Worker[] {
    const keyed = this.#idle.filter(({ key }) => key !== undefined);
    return this.#takeAll(keyed.slice(0, count).filter(({ since }) => since <= before));
  }

  /**
   * Takes the workers idle since before `before` (of `performance.now()`) that have a key, and those whose helper key
   * has expired.
   */
  takeExpired(before: number): Worker[] {
    const isStale = ({ key, since, worker }: Idle) => (key !== undefined && since < before) || hasExpiredKey(worker);
    return this.#takeAll(this.#idle.filter(isStale));
  }

  takeOthers(cli: Cli | undefined): Worker[] {
    return this.#takeAll(this.#idle.filter(({ worker }) => worker.cli !== cli));
  }

  takeRewriting(): Worker[] {
    return this.#takeAll(this.#idle.filter(({ worker }) => worker.transport.name === "rewrite"));
  }

  clear(): Worker[] {
    return this.#takeAll(this.#idle);
  }

  #takeAll(taken: readonly Idle[]): Worker[] {
    this.#idle = this.#idle.filter((idle) => !taken.includes(idle));
    return taken.map(({ worker }) => worker);
  }
}
