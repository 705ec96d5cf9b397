import { resolvesWithin } from "../shared/resolvesWithin.ts";

/** Milliseconds for a mod's report, which comes before the answer to `initialize`; this allows for the other order. */
const LOAD_TIMEOUT_MS = 2000;

/** A mod's report that it was loaded. */
export class LoadReport {
  hasArrived = false;
  #resolve!: () => void;
  readonly #arrived: Promise<void> = new Promise((resolve) => {
    this.#resolve = resolve;
  });

  arrive(): void {
    this.hasArrived = true;
    this.#resolve();
  }

  /** Resolves with whether it has arrived, after waiting for a while. */
  arrives(): Promise<boolean> {
    return resolvesWithin(LOAD_TIMEOUT_MS, this.#arrived);
  }
}
