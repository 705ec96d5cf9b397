import { resolvesWithin } from "../../shared/resolvesWithin.ts";

/** The report comes before the reply to `initialize`; this allows for the reverse. */
const LOAD_TIMEOUT_MS = 2000;

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

  arrives(): Promise<boolean> {
    return resolvesWithin(LOAD_TIMEOUT_MS, this.#arrived);
  }
}
