import type { CliAccount } from "./description.ts";

/** What the CLI logs of its guard at its start: `… seated outermost: the organization is team`, `… not seated: …`. */
const GUARD_LOG_LINE = /cc-plugin-sec-default\S* (not )?seated\b(?:[^:]*: )?(.*)/;

/** Plans of organizations, as `initialize` names them. */
const ORGANIZATION_PLAN = /team|enterprise/i;

/**
 * Watches for an organization's guard in one CLI process. The CLI seats it, as a mod before all others, for Team and
 * Enterprise sign-ins and on machines with managed settings. It is the organization's decision: other mods are then not
 * asked about calls of the model.
 */
export class GuardDetector {
  #seated: string | undefined;
  #resolveKnown!: () => void;

  /** Resolves when the CLI has logged whether it seats the guard. */
  readonly known: Promise<void> = new Promise((resolve) => {
    this.#resolveKnown = resolve;
  });

  /** Why the guard is seated; undefined while it is not. */
  get seated(): string | undefined {
    return this.#seated;
  }

  /** Takes a line of the CLI's stderr. */
  addDiagnostic(line: string): void {
    const found = GUARD_LOG_LINE.exec(line);
    if (!found) return;
    if (!found[1]) this.#seated = found[2] || "this machine has managed settings";
    this.#resolveKnown();
  }

  /** Takes the sign-in, should a version of the CLI log the guard in other words. */
  addAccount({ subscriptionType = "" }: CliAccount): void {
    if (ORGANIZATION_PLAN.test(subscriptionType)) this.#seated ??= `the organization has ${subscriptionType}`;
  }

  /** Takes that a call was made about which our mod was not asked. */
  addBypass(): void {
    this.#seated ??= "mods are not asked about calls";
  }
}
