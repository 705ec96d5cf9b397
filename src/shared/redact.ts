import type { Logger } from "./logger.ts";

/** Names of variables whose values are credentials. */
const CREDENTIAL_NAME = /(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)/;
/** Shorter values would be found everywhere. */
const SHORTEST_CREDENTIAL = 6;
/** What looks like a credential wherever it comes from. */
const LOOKS = /\b(sk-[\w-]{8,}|(?<=Bearer )[\w.~+/=-]{6,})/g;

/** A logger that writes `[redacted]` for the given credentials and for everything that looks like one. */
export function redacting(logger: Logger, credentials: readonly string[]): Logger {
  const known = [...new Set(credentials)].filter((value) => value.length >= SHORTEST_CREDENTIAL);
  const clean = (message: string) =>
    known.reduce((text, value) => text.replaceAll(value, "[redacted]"), message.replace(LOOKS, "[redacted]"));
  return {
    error: (message) => logger.error(clean(message)),
    warn: (message) => logger.warn(clean(message)),
    info: (message) => logger.info(clean(message)),
    debug: (message) => logger.debug(clean(message)),
    trace: (message) => logger.trace(clean(message)),
  };
}

/** The values of an environment's variables that are credentials by their name. */
export function credentialsOf(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value && CREDENTIAL_NAME.test(name) ? [value] : []));
}
