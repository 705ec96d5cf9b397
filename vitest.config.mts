import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Tests that replace modules for their whole process, and those that start an editor. */
const ISOLATED = [
  ...globSync("test/unit/**/*.test.ts").filter((path) => readFileSync(path, "utf8").includes("vi.mock(")),
  "test/e2e/**/*.test.ts",
];

const full = process.env.CLAUDE_VIRTUAL_API_FULL === "1";

/** Times here are hang bounds: a test waits for a condition, and these end it when the condition never comes. */
export default defineConfig({
  define: { __VERSION__: JSON.stringify("0.0.0-test") },
  test: {
    projects: [
      // a fresh process for each file would take a fifth of the time
      { extends: true, test: { name: "shared", isolate: false, include: ["test/**/*.test.ts"], exclude: ISOLATED } },
      { extends: true, test: { name: "isolated", include: ISOLATED } },
    ],
    alias: { vscode: new URL("./test/support/vscode.ts", import.meta.url).pathname },
    // two cores: a file's real CLI processes need one of them
    maxWorkers: 2,
    testTimeout: full ? 600_000 : 60_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
  },
});
