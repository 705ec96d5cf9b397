import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type App, type AppOptions, startApp } from "./harness.ts";

/** One app for all tests of a file. Resets its fake API before each. */
export function sharedApp(options: AppOptions = {}): App {
  let current: App;
  beforeAll(async () => {
    current = await startApp(options);
  });
  afterAll(() => current[Symbol.asyncDispose]());
  beforeEach(() => current.fakeApi.reset());
  return new Proxy({} as App, { get: (_, property) => Reflect.get(current, property) });
}

/** For bad requests: fails a test in which the server logs an error. */
export function faultlessApp(options: AppOptions = {}): App {
  const app = sharedApp(options);
  afterEach(() => {
    const failures = app.log.filter((line) => line.startsWith("[error]"));
    app.log.length = 0;
    expect(failures).toEqual([]);
  });
  return app;
}
