import type { Logger } from "./logger.ts";
import { printable } from "./printable.ts";

/** Names of variables whose values are credentials. */
const CREDENTIAL_NAME = /(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)/;
/** Shorter values would be found everywhere. */
const SHORTEST_CREDENTIAL = 6;
/** What looks like a credential wherever it comes from. */
const LOOKS = /\b(sk-[\w-]{8,}|(?<=Bearer )[\w.~+/=-]{6,})/g;

/** Where a line break is a stack's, and so to be kept. */
const STACK_LINE = /\n(?=\s{1,8}at )/;
/** Characters. Escaping a megabyte of control characters took 0.7 s. */
const LONGEST_MESSAGE = 256 * 1024;

/** Keeps credentials out of what is logged. */
export class Redactor {
  readonly #known = new Set<string>();

  /** Hides these, too, from now on. */
  readonly hide = (credentials: readonly string[]): void => {
    for (const value of credentials) if (value.length >= SHORTEST_CREDENTIAL) this.#known.add(value);
  };

  /**
   * A logger that writes `[redacted]` for what is hidden and for everything that looks like a credential, and each message
   * as one printable line of bounded length, followed by the lines of a stack if it has one.
   */
  over(logger: Logger): Logger {
    const clean = (message: string) => {
      const redacted = [...this.#known].reduce(
        (text, value) => text.replaceAll(value, "[redacted]"),
        message.replace(LOOKS, "[redacted]"),
      );
      return redacted
        .slice(0, LONGEST_MESSAGE)
        .split(STACK_LINE)
        .map((line) => printable(line, LONGEST_MESSAGE))
        .join("\n");
    };
    return {
      error: (message) => logger.error(clean(message)),
      warn: (message) => logger.warn(clean(message)),
      info: (message) => logger.info(clean(message)),
      debug: (message) => logger.debug(clean(message)),
      trace: (message) => logger.trace(clean(message)),
    };
  }
}

/** The values of an environment's variables that are credentials by their name. */
export function credentialsOf(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value && CREDENTIAL_NAME.test(name) ? [value] : []));
}
