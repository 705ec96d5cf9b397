/** Time limits, far above the milliseconds that these take. */
export const INITIALIZE_TIMEOUT_S = 60;
export const SETTINGS_TIMEOUT_S = 120;
export const COUNT_TIMEOUT_S = 60;
export const SETTLE_TIMEOUT_S = 5;
/** Requests for which other limits apply first. */
export const MID_TURN_TIMEOUT_S = 600;
export const PING_TIMEOUT_S = 600;
/** Time to read what a process wrote before its end, unless more keeps coming. */
export const DRAIN_TIMEOUT_MS = 1000;
/** Time within which a busy process must write something. */
export const SILENCE_LIMIT_MS = 60_000;
/** Time within which an idle process must answer before it gets a request. */
export const WAKE_LIMIT_MS = 5000;
/** Time within which the CLI ends a turn unasked, if it does. */
export const TURN_END_GRACE_MS = 100;
