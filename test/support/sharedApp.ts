import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type App, type AppOptions, startApp } from "./harness.ts";

/** One stage for all tests of a file, whose stand-in forgets between them. */
export function sharedApp(options: AppOptions = {}): App {
  let current: App;
  beforeAll(async () => {
    current = await startApp(options);
  });
  afterAll(() => current[Symbol.asyncDispose]());
  beforeEach(() => current.fakeApi.reset());
  return new Proxy({} as App, { get: (_, property) => Reflect.get(current, property) });
}

/** A stage for bad requests: what a client sends may never look like a failure of ours. */
export function faultlessApp(options: AppOptions = {}): App {
  const app = sharedApp(options);
  afterEach(() => {
    const failures = app.log.filter((line) => line.startsWith("[error]"));
    app.log.length = 0;
    expect(failures).toEqual([]);
  });
  return app;
}
