import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { missing } from "./chromium.ts";
import type { Version } from "./host.ts";
import { startVsCode, type VsCode } from "./vscode.ts";

const VERSIONS: [Version, string][] = [
  ["floor", "1.104.0"],
  ["ceiling", "1.139.1"],
];

/** Bound for the first installation of a VS Code. */
const INSTALLATION = 600_000;

/** Runs the tests in the oldest and the newest VS Code, each started once. Skips them without a browser. */
export function describeInVsCode(what: string, tests: (vsCode: () => VsCode) => void): void {
  for (const [version, number] of VERSIONS) {
    describe.skipIf(missing())(`${what} in VS Code ${number}`, { timeout: 180_000 }, () => {
      let vsCode: VsCode | undefined;
      beforeAll(async () => {
        vsCode = await startVsCode(version);
      }, INSTALLATION);
      afterAll(() => vsCode?.[Symbol.asyncDispose]());
      afterEach(async ({ task }) => {
        if (task.result?.state === "fail") await vsCode?.photograph(`${version} ${task.name}`);
      });
      tests(() => vsCode as VsCode);
    });
  }
}
