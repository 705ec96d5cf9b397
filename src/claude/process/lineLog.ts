const MAX_LOGGED_CHARACTERS = 2000;
/** Limit between two resets; one request logs about a hundred lines. */
const MAX_LOGGED_LINES = 1000;

/** Logs a process's output. Cuts long lines, and counts excess ones. */
export class LineLog {
  readonly #log: (line: string) => void;
  #shown = 0;
  #omitted = 0;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  add(line: string): void {
    this.#shown += 1;
    if (this.#shown <= MAX_LOGGED_LINES) this.#log(truncate(line));
    else this.#omitted += 1;
  }

  reset(): void {
    if (this.#omitted > 0) this.#log(`(${this.#omitted} more lines omitted)`);
    this.#shown = 0;
    this.#omitted = 0;
  }
}

/** Cuts at a space: half a credential would not be redacted. */
export function truncate(line: string, characters = MAX_LOGGED_CHARACTERS): string {
  if (line.length <= characters) return line;
  const kept = line.slice(0, Math.max(0, line.lastIndexOf(" ", characters)));
  return `${kept} … (${line.length} characters)`;
}
