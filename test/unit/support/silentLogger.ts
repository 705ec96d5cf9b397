import type { Logger } from "../../../src/shared/logger.ts";

const nothing = () => {};

/** For units whose words are not what is tested. */
export const silentLogger: Logger = { error: nothing, warn: nothing, info: nothing, debug: nothing, trace: nothing };
