/** Beats within a bound. */
const BEATS = 6;

export interface HeartbeatOptions {
  /** Milliseconds without a message after which the process counts as dead. */
  silence: number;
  /** The same at the start, for a process that has answered before: an idle one answers within milliseconds. */
  wake: number;
  /** Asks the CLI something that it answers at once. */
  ping: () => void;
  /** Whether messages of the CLI wait to be read: then its silence is ours. */
  isHeld: () => boolean;
  /** Called once the process counts as dead, with the milliseconds of the bound. */
  dead: (bound: number) => void;
}

/**
 * Notices a process that neither ends nor answers, as one that was stopped or hangs. Counts beats rather than time: after
 * the machine has slept, the process has the whole bound to answer.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #bound = 0;
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
    if (this.#timer && this.#bound < silence) this.#run(silence);
  }

  #run(bound: number): void {
    this.stop();
    this.#bound = bound;
    this.#silentBeats = 0;
    this.#timer = setInterval(() => this.#beat(), bound / BEATS).unref();
  }

  #beat(): void {
    const { isHeld, ping, dead } = this.#options;
    this.#silentBeats = isHeld() ? 0 : this.#silentBeats + 1;
    // the first silent beat may come right after a message, so one more beat makes up the bound
    if (this.#silentBeats === 1) ping();
    if (this.#silentBeats <= BEATS) return;
    this.stop();
    dead(this.#bound);
  }
}
