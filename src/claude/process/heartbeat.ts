/** Pings within one limit. */
const BEATS_PER_LIMIT = 6;

export interface HeartbeatOptions {
  /** Milliseconds without a message until the process counts as dead. */
  silenceLimit: number;
  /** The same at the start of a request, for a process that has answered before. */
  wakeLimit: number;
  ping: () => void;
  /** True while the CLI's messages wait to be read, which explains its silence. */
  isHeld: () => boolean;
  onDead: (limit: number) => void;
}

/**
 * Detects a process that hangs or was suspended. Counts beats instead of time, so that it has the full limit after the
 * machine wakes from sleep.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #limit = 0;
  #silentBeats = 0;
  #hasResponded = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  /** `respondsAtOnce`: the process will write without a ping. */
  start(respondsAtOnce = false): void {
    const { silenceLimit, wakeLimit, ping } = this.#options;
    if (this.#hasResponded) {
      this.#run(Math.min(wakeLimit, silenceLimit));
      if (!respondsAtOnce) ping();
    } else this.#run(silenceLimit);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  onMessage(): void {
    const { silenceLimit } = this.#options;
    this.#hasResponded = true;
    this.#silentBeats = 0;
    if (this.#timer && this.#limit < silenceLimit) this.#run(silenceLimit);
  }

  #run(limit: number): void {
    this.stop();
    this.#limit = limit;
    this.#silentBeats = 0;
    this.#timer = setInterval(() => this.#beat(), limit / BEATS_PER_LIMIT).unref();
  }

  #beat(): void {
    const { isHeld, ping, onDead } = this.#options;
    this.#silentBeats = isHeld() ? 0 : this.#silentBeats + 1;
    // the first silent beat may come right after a message, hence one more
    if (this.#silentBeats === 1) ping();
    if (this.#silentBeats <= BEATS_PER_LIMIT) return;
    this.stop();
    onDead(this.#limit);
  }
}
