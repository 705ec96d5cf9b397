import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type Stage, type StageOptions, stage } from "./harness.ts";

/** One stage for all tests of a file, whose stand-in forgets between them. */
export function fileStage(options: StageOptions = {}): Stage {
  let current: Stage;
  beforeAll(async () => {
    current = await stage(options);
  });
  afterAll(() => current[Symbol.asyncDispose]());
  beforeEach(() => current.standIn.reset());
  return new Proxy({} as Stage, { get: (_, property) => Reflect.get(current, property) });
}

/** A stage for bad requests: what a client sends may never look like a failure of ours. */
export function faultlessStage(options: StageOptions = {}): Stage {
  const on = fileStage(options);
  afterEach(() => {
    const failures = on.log.filter((line) => line.startsWith("[error]"));
    on.log.length = 0;
    expect(failures).toEqual([]);
  });
  return on;
}
