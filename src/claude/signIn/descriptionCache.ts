import type { Logger } from "../../shared/logger.ts";
import { describeSignIn, isSignedIn, signInOf } from "./account.ts";
import type { CliDescription } from "./description.ts";
import { describeOverrides } from "./managedVariables.ts";

/** Each question to a signed-out CLI starts a process. */
const SIGNED_OUT_POLL_MS = 30_000;

/** The CLI's latest description of itself. Logs the sign-in when it changes. */
export class DescriptionCache {
  readonly #logger: Logger;
  readonly #ask: () => Promise<void>;
  #latest: CliDescription | undefined;
  #asking: Promise<void> | undefined;
  #logged: string | undefined;
  #loggedOverrides = "";
  #isStale = false;
  readonly #now: () => number;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Whether upstream answered although the CLI had described itself as signed out. */
  #isContradicted = false;

  /** `ask` initializes a worker and passes its description to `accept`. */
  constructor(logger: Logger, ask: () => Promise<void>, now = () => performance.now()) {
    this.#logger = logger;
    this.#ask = ask;
    this.#now = now;
  }

  get latest(): CliDescription | undefined {
    return this.#latest;
  }

  get isSignedOut(): boolean {
    return this.#latest !== undefined && !isSignedIn(this.#latest);
  }

  /** Whether requests fail until the user signs in. False if upstream answers all the same, as some gateways do. */
  get needsSignIn(): boolean {
    return this.isSignedOut && !this.#isContradicted;
  }

  accept(description: CliDescription): void {
    this.#latest = description;
    this.#isStale = false;
    if (!this.isSignedOut) this.#isContradicted = false;
    this.#logOverrides(description.organization?.overrides ?? []);
    const signIn = signInOf(description);
    const text = describeSignIn(signIn).join("; ");
    if (text === this.#logged) return;
    this.#logged = text;
    if (signIn && !signIn.overridden) this.#logger.info(text);
    else this.#logger.warn(text);
  }

  #logOverrides(overrides: readonly string[]): void {
    const text = overrides.length === 0 ? "" : describeOverrides(overrides);
    if (text !== this.#loggedOverrides && text !== "") this.#logger.warn(text);
    this.#loggedOverrides = text;
  }

  /**
   * Asks the CLI if it has no description yet, or always with `afresh`. Throws `ApiError` if the CLI does not start.
   */
  async describe({ afresh = false }: { afresh?: boolean } = {}): Promise<CliDescription> {
    if (afresh || this.#asking || !this.#latest) await this.#askOnce();
    return this.#latest ?? { models: [], account: {} };
  }

  /** Call when upstream has rejected the sign-in. */
  markStale(): void {
    this.#isStale = this.#latest !== undefined;
  }

  /** Call when upstream has answered: a running CLI picks up a new sign-in silently. */
  noteAnswer(): void {
    if (!this.isSignedOut || this.#isContradicted) return;
    this.#isContradicted = true;
    this.#askInBackground();
  }

  /**
   * Call when the description is read. Asks again in the background: once after `markStale`, so that a broken CLI is
   * not started in a loop; every half minute while signed out.
   */
  refresh(): void {
    const isDue = this.isSignedOut && this.#now() - this.#askedAt >= SIGNED_OUT_POLL_MS;
    if (this.#isStale || isDue) this.#askInBackground();
  }

  #askInBackground(): void {
    this.#isStale = false;
    this.#askOnce().catch((error: Error) => this.#logger.warn(error.message));
  }

  #askOnce(): Promise<void> {
    if (!this.#asking) this.#askedAt = this.#now();
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }
}
