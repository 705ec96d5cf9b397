import type { Logger } from "./logger.ts";
import { printable } from "./printable.ts";
import { CUT_MARK } from "./shorten.ts";

/** Names of variables whose values are credentials. */
const CREDENTIAL_NAME = /(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)/;
/** Shorter values would be found everywhere. */
const MIN_CREDENTIAL_LENGTH = 6;
/** Shorter beginnings of a credential do not show what it is. */
const MIN_PREFIX_LENGTH = 4;
const REDACTED = "[redacted]";
/** What looks like a credential wherever it comes from: a key, an `Authorization`, the user in a URL such as a proxy's. */
const CREDENTIAL_PATTERN = /\b(sk-[\w-]{8,}|(?<=(?:Bearer|Basic) )[\w.~+/=-]{6,})|(?<=:\/\/)[^\s/?#"']{1,1000}(?=@)/g;

/** Where a line break is a stack's, and so to be kept. */
const STACK_LINE = /\n(?=\s{1,8}at )/;
/** Characters. Escaping a megabyte of control characters took 0.7 s. */
const MAX_MESSAGE_LENGTH = 256 * 1024;

/** Keeps credentials out of what is logged. */
export class Redactor {
  /** As they are and as JSON has them, longest first: one may begin with another. */
  #known: readonly string[] = [];

  /** Hides these too from now on. */
  readonly hide = (credentials: readonly string[]): void => {
    const long = credentials.filter(({ length }) => length >= MIN_CREDENTIAL_LENGTH);
    const forms = long.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
    this.#known = [...new Set([...this.#known, ...forms])].sort((a, b) => b.length - a.length);
  };

  /**
   * A logger that writes `[redacted]` for what is hidden and for everything that looks like a credential, and each message
   * as one printable line of bounded length, followed by the lines of a stack if it has one.
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
    const whole = this.#known.reduce(
      (text, value) => text.replaceAll(value, REDACTED),
      message.replace(CREDENTIAL_PATTERN, REDACTED),
    );
    return whole.includes("…") ? this.#withoutCutCredentials(whole) : whole;
  }

  /** Takes out the beginnings of credentials that were cut off before the message came here. */
  #withoutCutCredentials(text: string): string {
    const pieces: string[] = [];
    let from = 0;
    for (const { index } of text.matchAll(CUT_MARK)) {
      const piece = text.slice(from, index);
      const lengths = this.#known.map((value) => overlap(piece, value));
      const longest = Math.max(0, ...lengths);
      pieces.push(longest > 0 ? piece.slice(0, -longest) + REDACTED : piece);
      from = index;
    }
    return pieces.join("") + text.slice(from);
  }
}

/** How many characters at the end of the text are the beginning of the value; 0 for fewer than show anything of it. */
function overlap(text: string, value: string): number {
  for (let length = Math.min(text.length, value.length - 1); length >= MIN_PREFIX_LENGTH; length--) {
    if (text.endsWith(value.slice(0, length))) return length;
  }
  return 0;
}

/** The values of an environment's variables that are credentials by their name. */
export function credentialsOf(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value && CREDENTIAL_NAME.test(name) ? [value] : []));
}
