import type { Logger } from "../../shared/logger.ts";
import { helperFailure } from "./helperKey.ts";

const DEBUG_LINE = /^\d{4}-\d\d-\d\dT\S+ \[/;
const ORGANIZATION_REASON = /managed settings|your organization|this machine requires/i;
/** The CLI's message when a sign-in cannot show its organization; lacks the setting's name. */
const REASON_WITHOUT_SETTING = /^This machine requires organization (?!.*forceLoginOrgUUID)/;
/** The CLI gives its reason in the first few lines, then the remedy. */
const MAX_LINES = 10;

/**
 * Reads a starting process's stderr: logs why a helper returned no key, and keeps the CLI's message if an
 * organization's settings prevent the start.
 */
export class StartupStderr {
  readonly #logger: Pick<Logger, "warn">;
  readonly #lines: string[] = [];
  helperFailure: string | undefined;

  constructor(logger: Pick<Logger, "warn">) {
    this.#logger = logger;
  }

  add(line: string): void {
    const failure = helperFailure(line);
    if (failure !== undefined) this.#logger.warn(failure);
    this.helperFailure ??= failure;
    const text = line.trim();
    if (this.#lines.length < MAX_LINES && text !== "" && !DEBUG_LINE.test(line)) this.#lines.push(text);
  }

  /** The CLI's message from its reason on. */
  get organizationRefusal(): string | undefined {
    const reason = this.#lines.findIndex((line) => ORGANIZATION_REASON.test(line));
    if (reason === -1) return undefined;
    const text = this.#lines.slice(reason).join(" ");
    return REASON_WITHOUT_SETTING.test(text) ? `${text} (forceLoginOrgUUID)` : text;
  }
}
