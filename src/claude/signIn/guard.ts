import { Deferred } from "../../shared/deferred.ts";
import type { CliAccount } from "./description.ts";

/** How the CLI logs its guard at startup: `… seated outermost: the organization is team`, `… not seated: …`. */
const GUARD_LOG_LINE = /cc-plugin-sec-default\S* (not )?seated\b(?:[^:]*: )?(.*)/;

const ORGANIZATION_PLAN = /team|enterprise/i;

/**
 * Detects an organization's guard, a mod that the CLI loads for Team and Enterprise sign-ins and on machines with
 * managed settings. By the organization's decision, the CLI then asks no other mod about API calls.
 */
export class GuardDetector {
  #reason: string | undefined;
  readonly #known = new Deferred();

  /** Resolves when the CLI has logged whether the guard runs. */
  readonly known = this.#known.promise;

  get reason(): string | undefined {
    return this.#reason;
  }

  addStderrLine(line: string): void {
    const found = GUARD_LOG_LINE.exec(line);
    if (!found) return;
    if (!found[1]) this.#reason = found[2] || "this machine has managed settings";
    this.#known.resolve();
  }

  /** Infers the guard from the plan, in case the CLI logs it in other words. */
  addAccount({ subscriptionType = "" }: CliAccount): void {
    if (ORGANIZATION_PLAN.test(subscriptionType)) this.#reason ??= `the organization has ${subscriptionType}`;
  }

  addBypass(): void {
    this.#reason ??= "Claude Code does not ask mods about calls";
  }
}
