/** Beats within a limit. */
const BEATS_PER_LIMIT = 6;

export interface HeartbeatOptions {
  /** Milliseconds without a message after which the process counts as dead. */
  silence: number;
  /** The same at the start, for a process that has answered before: an idle one answers within milliseconds. */
  wake: number;
  /** Asks the CLI something that it answers at once. */
  ping: () => void;
  /** Whether messages of the CLI wait to be read: then its silence is ours. */
  isHeld: () => boolean;
  /** Called once the process counts as dead, with the milliseconds of the limit. */
  dead: (limit: number) => void;
}

/**
 * Notices a process that neither ends nor answers, as one that was stopped or hangs. Counts beats rather than time: after
 * the machine has slept, the process has the whole limit to answer.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #limit = 0;
  #silentBeats = 0;
  #hasHeard = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** True once the process has written a message. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  /** `isHeard` if what the process is given now shows as soon as a ping would whether it lives. */
  start(isHeard = false): void {
    const { silence, wake, ping } = this.#options;
    if (this.#hasHeard) {
      this.#run(Math.min(wake, silence));
      if (!isHeard) ping();
    } else this.#run(silence);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Call for each message of the CLI. */
  heard(): void {
    const { silence } = this.#options;
    this.#hasHeard = true;
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
    const { isHeld, ping, dead } = this.#options;
    this.#silentBeats = isHeld() ? 0 : this.#silentBeats + 1;
    // the first silent beat may come right after a message, so one more beat makes up the limit
    if (this.#silentBeats === 1) ping();
    if (this.#silentBeats <= BEATS_PER_LIMIT) return;
    this.stop();
    dead(this.#limit);
  }
}
