import type { Logger } from "./logger.ts";

/** Names of variables whose values are credentials. */
const CREDENTIAL_NAME = /(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)/;
/** Shorter values would be found everywhere. */
const SHORTEST_CREDENTIAL = 6;
/** What looks like a credential wherever it comes from. */
const LOOKS = /\b(sk-[\w-]{8,}|(?<=Bearer )[\w.~+/=-]{6,})/g;

/** Keeps credentials out of what is logged. */
export class Redactor {
  readonly #known = new Set<string>();

  /** Hides these, too, from now on. */
  readonly hide = (credentials: readonly string[]): void => {
    for (const value of credentials) if (value.length >= SHORTEST_CREDENTIAL) this.#known.add(value);
  };

  /** A logger that writes `[redacted]` for what is hidden and for everything that looks like a credential. */
  over(logger: Logger): Logger {
    const clean = (message: string) =>
      [...this.#known].reduce(
        (text, value) => text.replaceAll(value, "[redacted]"),
        message.replace(LOOKS, "[redacted]"),
      );
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
