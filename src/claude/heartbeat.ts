/** Beats within the bound. */
const BEATS = 6;

export interface HeartbeatOptions {
  /** Milliseconds without a message after which the process counts as dead. */
  silence: number;
  /** Asks the CLI something that it answers at once. */
  ping: () => void;
  /** Whether messages of the CLI wait to be read: then its silence is ours. */
  isHeld: () => boolean;
  /** Called once the process counts as dead. */
  dead: () => void;
}

/**
 * Notices a process that neither ends nor answers, as one that was stopped or hangs. Counts beats rather than time: after
 * the machine has slept, the process has the whole bound to answer.
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

  /** Call for each message of the CLI. */
  heard(): void {
    this.#silentBeats = 0;
  }

  #beat(): void {
    const { isHeld, ping, dead } = this.#options;
    this.#silentBeats = isHeld() ? 0 : this.#silentBeats + 1;
    // the first silent beat may come right after a message, so one more beat makes up the bound
    if (this.#silentBeats === 1) ping();
    if (this.#silentBeats <= BEATS) return;
    this.stop();
    dead();
  }
}
