/** How many times in the bound the CLI's silence is looked at. */
const BEATS = 6;

export interface HeartbeatOptions {
  /** Milliseconds without a message after which the process counts as dead. */
  silence: number;
  /** Asks the CLI for any answer. */
  ping: () => void;
  /** Whether messages wait to be read, which is no fault of the CLI. */
  isHeld: () => boolean;
  dead: () => void;
}

/**
 * Notices a process that neither ends nor answers, since it was stopped or hangs. Counts its own beats rather than time:
 * after the machine has slept, the process gets as long to answer as ever.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #silentBeats = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#silentBeats = 0;
    this.#timer = setInterval(() => this.#beat(), this.#options.silence / BEATS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The CLI has written a message. */
  heard(): void {
    this.#silentBeats = 0;
  }

  #beat(): void {
    const { isHeld, ping, dead } = this.#options;
    this.#silentBeats = isHeld() ? 0 : this.#silentBeats + 1;
    // with the first beat that heard something just before it, the silence is at least the bound
    if (this.#silentBeats === 1) ping();
    if (this.#silentBeats <= BEATS) return;
    this.stop();
    dead();
  }
}
