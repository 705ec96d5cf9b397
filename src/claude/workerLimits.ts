/** Hang bounds in seconds, far above the milliseconds these take. */
export const INITIALIZE_TIMEOUT_S = 60;
export const SETTINGS_TIMEOUT_S = 120;
export const COUNT_TIMEOUT_S = 60;
export const SETTLE_TIMEOUT_S = 5;
/** These two have other bounds, which come first. */
export const MID_TURN_TIMEOUT_S = 600;
export const PING_TIMEOUT_S = 600;
/** Milliseconds in which what a process wrote before its end is read, unless more keeps coming. */
export const DRAIN_TIMEOUT_MS = 1000;
/** Milliseconds in which a busy process must show a sign of life. */
export const SILENCE_LIMIT_MS = 60_000;
/** Milliseconds in which an idle process must answer, before it is given a request. */
export const WAKE_LIMIT_MS = 5000;
/** Milliseconds in which the CLI ends a turn by itself, where it does. */
export const TURN_END_GRACE_MS = 100;
