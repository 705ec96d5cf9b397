import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { ServerOptions } from "../../src/options.ts";
import { type Stage, stage } from "./harness.ts";

/** One stage for all tests of a file, whose stand-in forgets between them. */
export function fileStage(options: Partial<ServerOptions> = {}): Stage {
  let current: Stage;
  beforeAll(async () => {
    current = await stage(options);
  });
  afterAll(() => current[Symbol.asyncDispose]());
  beforeEach(() => current.standIn.reset());
  return new Proxy({} as Stage, { get: (_, property) => Reflect.get(current, property) });
}

/** A stage for bad requests: what a client sends may never look like a failure of ours. */
export function faultlessStage(): Stage {
  const on = fileStage();
  afterEach(() => {
    const failures = on.log.filter((line) => line.startsWith("[error]"));
    on.log.length = 0;
    expect(failures).toEqual([]);
  });
  return on;
}
