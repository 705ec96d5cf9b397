import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

const filesWith = (pattern: RegExp) =>
  globSync("test/{unit,extension}/**/*.test.ts").filter((path) => pattern.test(readFileSync(path, "utf8")));

/** Tests that replace modules for their whole process, and those that start an editor. */
const ISOLATED = [...filesWith(/vi\.mock\(/), "test/e2e/**/*.test.ts"];

/**
 * Tests that fake timers. `fetch` and the servers of other files take their timers from the same globals: a fake one that
 * they get never fires, and is counted among a test's own.
 */
const FAKE_TIMERS = filesWith(/vi\.useFakeTimers\((?!\{ toFake: \["Date"\])/);

const full = process.env.CLAUDE_VIRTUAL_API_FULL === "1";

/** Times here are hang bounds: a test waits for a condition, and these end it when the condition never comes. */
export default defineConfig({
  define: { __VERSION__: JSON.stringify("0.0.0-test") },
  test: {
    projects: [
      // a fresh process for each file would take a fifth of the time
      {
        extends: true,
        test: {
          name: "shared",
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: [...ISOLATED, ...FAKE_TIMERS],
        },
      },
      { extends: true, test: { name: "fake timers", isolate: false, include: FAKE_TIMERS } },
      { extends: true, test: { name: "isolated", include: ISOLATED } },
    ],
    alias: { vscode: new URL("./test/support/vscode.ts", import.meta.url).pathname },
    // two cores: a file's real CLI processes need one of them
    maxWorkers: 2,
    testTimeout: full ? 600_000 : 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    passWithNoTests: false,
  },
});
