import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTests } from "@vscode/test-electron";
import { claudePath } from "../support/claude.ts";
import { freePort } from "../support/editor/ports.ts";
import { FakeApi } from "../support/fakeApi.ts";
import { cliEnvironment, scratchHome } from "../support/harness.ts";

/**
 * Runs `suite.cjs` in a desktop VS Code of the version given as argument (`stable` without one), which it downloads to
 * `.vscode-test`. The extension talks to the real CLI, and that to a fake API.
 */
const version = process.argv[2] ?? "stable";
const root = join(import.meta.dirname, "../..");
await using scratch = await scratchHome();
const fakeApi = await FakeApi.start();
try {
  const folders = { home: join(scratch.home, "home"), userData: join(scratch.home, "user-data") };
  await mkdir(folders.home);
  await mkdir(join(folders.userData, "User"), { recursive: true });
  const settings = {
    "claudeVirtualApi.port": await freePort(),
    "claudeVirtualApi.claudePath": claudePath(),
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
  };
  await writeFile(join(folders.userData, "User/settings.json"), JSON.stringify(settings));
  const { PATH, ...environment } = cliEnvironment(folders.home, fakeApi);
  await runTests({
    version,
    extensionDevelopmentPath: root,
    extensionTestsPath: join(import.meta.dirname, "suite.cjs"),
    extensionTestsEnv: environment,
    launchArgs: [
      `--user-data-dir=${folders.userData}`,
      `--extensions-dir=${join(scratch.home, "extensions")}`,
      "--disable-telemetry",
    ],
  });
} finally {
  await fakeApi.close();
}
