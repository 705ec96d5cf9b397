import type { Logger } from "../shared/logger.ts";
import { describeSignIn, signInOf } from "./account.ts";
import type { CliDescription } from "./description.ts";
import { describeOverrides } from "./managedVariables.ts";

/** The CLI's last description of itself. Logs the sign-in in it whenever that changes. */
export class KnownDescription {
  readonly #logger: Logger;
  readonly #ask: () => Promise<void>;
  #latest: CliDescription | undefined;
  #asking: Promise<void> | undefined;
  #logged: string | undefined;
  #loggedOverrides = "";
  #isDoubtful = false;

  /** `ask` initializes a worker, whose description is then accepted. */
  constructor(logger: Logger, ask: () => Promise<void>) {
    this.#logger = logger;
    this.#ask = ask;
  }

  get latest(): CliDescription | undefined {
    return this.#latest;
  }

  accept(description: CliDescription): void {
    this.#latest = description;
    this.#isDoubtful = false;
    this.#logOverrides(description.organization?.overrides ?? []);
    const signIn = signInOf(description);
    const words = describeSignIn(signIn).join("; ");
    if (words === this.#logged) return;
    this.#logged = words;
    if (signIn && !signIn.displaced) this.#logger.info(words);
    else this.#logger.warn(words);
  }

  #logOverrides(overrides: readonly string[]): void {
    const words = overrides.length === 0 ? "" : describeOverrides(overrides);
    if (words !== this.#loggedOverrides && words !== "") this.#logger.warn(words);
    this.#loggedOverrides = words;
  }

  /** Asks the CLI where it has not described itself yet, or `afresh`. Throws `ApiError` when it cannot be started. */
  async describe({ afresh = false }: { afresh?: boolean } = {}): Promise<CliDescription> {
    if (afresh || !this.#latest) await this.#askOnce();
    return this.#latest ?? { models: [], account: {} };
  }

  /** Call when upstream has refused the sign-in. */
  doubt(): void {
    this.#isDoubtful = this.#latest !== undefined;
  }

  /** Asks again in the background after a doubt; once, so that a CLI that cannot start is not started in a loop. */
  refresh(): void {
    if (!this.#isDoubtful) return;
    this.#isDoubtful = false;
    this.#askOnce().catch((error: Error) => this.#logger.warn(error.message));
  }

  #askOnce(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }
}
