import { afterAll, beforeAll, beforeEach } from "vitest";
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
