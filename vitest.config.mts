import { defineConfig } from "vitest/config";

const full = process.env.CLAUDE_VIRTUAL_API_FULL === "1";

/** Times here are hang bounds: a test waits for a condition, and these end it when the condition never comes. */
export default defineConfig({
  define: { __VERSION__: JSON.stringify("0.0.0-test") },
  test: {
    alias: { vscode: new URL("./test/support/vscode.ts", import.meta.url).pathname },
    include: ["test/**/*.test.ts"],
    // two cores: a file's real CLI processes need one of them
    maxWorkers: 2,
    testTimeout: full ? 600_000 : 60_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
  },
});
