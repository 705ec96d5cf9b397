/** Pings within one limit. */
const BEATS_PER_LIMIT = 6;

export interface HeartbeatOptions {
  /** Milliseconds without a message after which the process counts as dead. */
  silence: number;
  /**
   * The same when a request starts, for a process that has answered before: an idle one answers within milliseconds.
   */
  wake: number;
  /** Sends the CLI a request that it answers at once. */
  ping: () => void;
  /** True while the CLI's messages wait to be read; its silence then means nothing. */
  isHeld: () => boolean;
  /** Called with the limit in milliseconds once the process counts as dead. */
  onDead: (limit: number) => void;
}

/**
 * Detects a process that neither ends nor answers, because it hangs or was suspended. Counts beats instead of time, so
 * that the process has the full limit after the machine wakes from sleep.
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

  /** `respondsAtOnce`: what the process gets now makes it write as soon as a ping would. */
  start(respondsAtOnce = false): void {
    const { silence, wake, ping } = this.#options;
    if (this.#hasResponded) {
      this.#run(Math.min(wake, silence));
      if (!respondsAtOnce) ping();
    } else this.#run(silence);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Call for each message of the CLI. */
  onMessage(): void {
    const { silence } = this.#options;
    this.#hasResponded = true;
    this.#silentBeats = 0;
    if (this.#timer && this.#limit < silence) this.#run(silence);
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
