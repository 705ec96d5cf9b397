import type { CliAccount } from "./description.ts";

/** How the CLI logs its guard at startup: `… seated outermost: the organization is team`, `… not seated: …`. */
const GUARD_LOG_LINE = /cc-plugin-sec-default\S* (not )?seated\b(?:[^:]*: )?(.*)/;

/** Plans of organizations, as `initialize` names them. */
const ORGANIZATION_PLAN = /team|enterprise/i;

/**
 * Detects an organization's guard in one CLI process. The CLI loads this mod before all others, for Team and Enterprise
 * sign-ins and on machines with managed settings. It then asks no other mod about API calls; that is the organization's
 * decision.
 */
export class GuardDetector {
  #reason: string | undefined;
  #resolveKnown!: () => void;

  /** Resolves when the CLI has logged whether the guard runs. */
  readonly known: Promise<void> = new Promise((resolve) => {
    this.#resolveKnown = resolve;
  });

  /** Why the guard runs; undefined if it does not. */
  get reason(): string | undefined {
    return this.#reason;
  }

  addStderrLine(line: string): void {
    const found = GUARD_LOG_LINE.exec(line);
    if (!found) return;
    if (!found[1]) this.#reason = found[2] || "this machine has managed settings";
    this.#resolveKnown();
  }

  /** Infers the guard from the plan, in case a CLI version logs it in other words. */
  addAccount({ subscriptionType = "" }: CliAccount): void {
    if (ORGANIZATION_PLAN.test(subscriptionType)) this.#reason ??= `the organization has ${subscriptionType}`;
  }

  /** Records a call about which the CLI did not ask the mod. */
  addBypass(): void {
    this.#reason ??= "Claude Code does not ask mods about calls";
  }
}
