/** Hang bounds in seconds, far above the milliseconds these take. */
export const INITIALIZE_TIMEOUT = 60;
export const SETTINGS_TIMEOUT = 120;
export const COUNT_TIMEOUT = 60;
export const SETTLE_TIMEOUT = 5;
/** These two have other bounds, which come first. */
export const ASIDE_TIMEOUT = 600;
export const PING_TIMEOUT = 600;
/** Milliseconds in which what a process wrote before its end is read, unless more keeps coming. */
export const LAST_WORDS = 1000;
/** Milliseconds in which a busy process must show a sign of life. */
export const SILENCE = 60_000;
/** Milliseconds in which an idle process must answer, before it is given a request. */
export const WAKE = 5000;
/** Milliseconds in which the CLI ends a turn by itself, where it does. */
export const OWN_END_MS = 100;
