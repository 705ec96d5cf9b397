import { Deferred } from "../../shared/deferred.ts";
import { resolvesWithin } from "../../shared/resolvesWithin.ts";

/** The report comes before the reply to `initialize`; this allows for the reverse. */
const LOAD_TIMEOUT_MS = 2000;

export class LoadReport {
  hasArrived = false;
  readonly #arrived = new Deferred();

  arrive(): void {
    this.hasArrived = true;
    this.#arrived.resolve();
  }

  arrives(): Promise<boolean> {
    return resolvesWithin(LOAD_TIMEOUT_MS, this.#arrived.promise);
  }
}
