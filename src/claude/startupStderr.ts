import type { Logger } from "../shared/logger.ts";
import { helperFailure } from "./helperKey.ts";

/** How the CLI's debug lines begin. */
const DEBUG_LINE = /^\d{4}-\d\d-\d\dT\S+ \[/;
const ORGANIZATION_REASON = /managed settings|your organization|this machine requires/i;
/** What it says of a sign-in by which it could not ask for the organization, without the name of the setting. */
const REASON_WITHOUT_SETTING = /^This machine requires organization (?!.*forceLoginOrgUUID)/;
/** Lines that are kept: the CLI gives its reason in the first few, then what to do. */
const MAX_LINES = 10;

/**
 * Watches the stderr of a process that starts: logs why a helper gave no key, and keeps what the CLI says to a person when
 * an organization's settings keep it from running.
 */
export class StartupStderr {
  readonly #logger: Pick<Logger, "warn">;
  readonly #lines: string[] = [];
  /** Why a helper gave no key. */
  helperFailure: string | undefined;

  constructor(logger: Pick<Logger, "warn">) {
    this.#logger = logger;
  }

  add(line: string): void {
    const failure = helperFailure(line);
    if (failure !== undefined) this.#logger.warn(failure);
    this.helperFailure ??= failure;
    const words = line.trim();
    if (this.#lines.length < MAX_LINES && words !== "" && !DEBUG_LINE.test(line)) this.#lines.push(words);
  }

  /** The CLI's words from those of its reason on; undefined where it gave no such reason. */
  get organizationRefusal(): string | undefined {
    const reason = this.#lines.findIndex((line) => ORGANIZATION_REASON.test(line));
    if (reason === -1) return undefined;
    const words = this.#lines.slice(reason).join(" ");
    return REASON_WITHOUT_SETTING.test(words) ? `${words} (forceLoginOrgUUID)` : words;
  }
}
