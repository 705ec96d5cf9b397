import type { Logger } from "../../src/shared/logger.ts";

const nothing = () => {};

/** For tests that do not check the log. */
export const silentLogger: Logger = { error: nothing, warn: nothing, info: nothing, debug: nothing, trace: nothing };
