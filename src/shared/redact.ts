import type { Logger } from "./logger.ts";
import { printable } from "./printable.ts";
import { CUT_MARK } from "./shorten.ts";

const CREDENTIAL_NAME = /(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)/;
/** Shorter values would match unrelated text. */
const MIN_CREDENTIAL_LENGTH = 6;
/** Shorter prefixes of a credential reveal nothing useful. */
const MIN_PREFIX_LENGTH = 4;
const REDACTED = "[redacted]";
/** Matches API keys, `Authorization` values and the user part of URLs, such as a proxy's. */
const CREDENTIAL_PATTERN = /\b(sk-[\w-]{8,}|(?<=(?:Bearer|Basic) )[\w.~+/=-]{6,})|(?<=:\/\/)[^\s/?#"']{1,1000}(?=@)/g;

const STACK_LINE = /\n(?=\s{1,8}at )/;
/** Longer messages are cut: escaping a megabyte of control characters took 0.7 s. */
const MAX_MESSAGE_LENGTH = 256 * 1024;

export class Redactor {
  /** Credentials, plain and as JSON escapes them. Longest first, because one may begin with another. */
  #credentials: readonly string[] = [];

  readonly hide = (credentials: readonly string[]): void => {
    const long = credentials.filter(({ length }) => length >= MIN_CREDENTIAL_LENGTH);
    const forms = long.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
    this.#credentials = [...new Set([...this.#credentials, ...forms])].sort((a, b) => b.length - a.length);
  };

  /**
   * Replaces hidden values, and everything that looks like a credential, with `[redacted]`. Writes each message as one
   * printable line of bounded length, followed by its stack trace.
   */
  wrap(logger: Logger): Logger {
    const clean = (message: string) => {
      return this.#redacted(message)
        .slice(0, MAX_MESSAGE_LENGTH)
        .split(STACK_LINE)
        .map((line) => printable(line, MAX_MESSAGE_LENGTH))
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

  #redacted(message: string): string {
    const redacted = this.#credentials.reduce(
      (text, value) => text.replaceAll(value, REDACTED),
      message.replace(CREDENTIAL_PATTERN, REDACTED),
    );
    return redacted.includes("…") ? this.#withoutCutCredentials(redacted) : redacted;
  }

  /** Redacts prefixes of credentials: `cut` may have shortened a value before it was logged. */
  #withoutCutCredentials(text: string): string {
    const pieces: string[] = [];
    let from = 0;
    for (const { index } of text.matchAll(CUT_MARK)) {
      const piece = text.slice(from, index);
      const lengths = this.#credentials.map((value) => overlap(piece, value));
      const longest = Math.max(0, ...lengths);
      pieces.push(longest > 0 ? piece.slice(0, -longest) + REDACTED : piece);
      from = index;
    }
    return pieces.join("") + text.slice(from);
  }
}

/** Returns how many characters at the end of the text are a prefix of the value. */
function overlap(text: string, value: string): number {
  for (let length = Math.min(text.length, value.length - 1); length >= MIN_PREFIX_LENGTH; length--) {
    if (text.endsWith(value.slice(0, length))) return length;
  }
  return 0;
}

/** Returns the values of the environment variables whose names suggest a credential. */
export function credentialsOf(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value && CREDENTIAL_NAME.test(name) ? [value] : []));
}
