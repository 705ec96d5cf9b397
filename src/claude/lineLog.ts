/** Characters of a line that are logged. */
const SHOWN_CHARACTERS = 2000;
/** Lines that are logged between two resets; one request makes some hundred. */
const SHOWN_LINES = 1000;

/** Logs lines that a process writes: the beginning of long ones, and only so many, the rest counted. */
export class LineLog {
  readonly #log: (line: string) => void;
  #shown = 0;
  #omitted = 0;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  add(line: string): void {
    this.#shown += 1;
    if (this.#shown <= SHOWN_LINES) this.#log(shortened(line));
    else this.#omitted += 1;
  }

  /** Logs how many lines were left out, and shows lines again. */
  reset(): void {
    if (this.#omitted > 0) this.#log(`(${this.#omitted} further lines are not shown)`);
    this.#shown = 0;
    this.#omitted = 0;
  }
}

/** Cuts at a blank: half of a credential would not be recognized as one. */
export function shortened(line: string, characters = SHOWN_CHARACTERS): string {
  if (line.length <= characters) return line;
  const kept = line.slice(0, Math.max(0, line.lastIndexOf(" ", characters)));
  return `${kept} … (${line.length} characters)`;
}
