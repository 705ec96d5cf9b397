import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { hasPassed, type Report, rowOf, rowsIn, withRows } from "../../scripts/versionsTable.ts";
import { MINIMUM_VERSION } from "../../src/claude/locate/locate.ts";

const PAGE = "# Title\n\n<!-- versions -->\n<!-- /versions -->\n\nMore $& text.\n";
const passed = (version: string) => ({ version, published: "2026-11-01", contract: "2 passed", fidelity: "3 passed" });

const file = (name: string, ...statuses: string[]): Report["testResults"][number] => ({
  name: `/somewhere/test/${name}`,
  status: statuses.includes("failed") || statuses.length === 0 ? "failed" : "passed",
  assertionResults: statuses.map((status) => ({ status })),
});

describe("the table of tested versions", () => {
  it("keeps its rows newest first, one for each version, and the rest of the page as it is", () => {
    const first = withRows(PAGE, [passed("2.1.9"), passed("2.1.100")], "Here.");
    const second = withRows(first, [{ ...passed("2.1.9"), contract: "1 of 2 failed" }, passed("2.1.20")], "There.");
    expect(rowsIn(second).map(({ version }) => version)).toEqual(["2.1.100", "2.1.20", "2.1.9"]);
    expect(rowsIn(second).map(hasPassed)).toEqual([true, true, false]);
    expect(second).not.toContain("Here.");
    expect(second).toMatch(
      /^# Title\n\n<!-- versions -->\n\|.*\n\nThere\.\n<!-- \/versions -->\n\nMore \$& text\.\n$/s,
    );
  });

  it("says what a run brought, by folder", () => {
    const testResults = [
      file("contract/a.test.ts", "passed", "skipped", "passed"),
      file("fidelity/a.test.ts", "passed", "failed"),
      file("fidelity/b.test.ts"),
    ];
    expect(rowOf("2.1.9", "2026-11-01", { testResults })).toMatchObject({
      contract: "2 passed, 1 skipped",
      fidelity: "2 of 3 failed",
    });
    expect(hasPassed({ ...passed("2.1.9"), contract: "2 passed, 1 skipped" })).toBe(true);
    expect(rowOf("2.1.9", "2026-11-01", undefined)).toMatchObject({ contract: "did not run" });
  });

  it("has five versions that passed, the oldest that is supported and the one that the tests run on among them", async () => {
    const rows = rowsIn(await readFile(new URL("../../docs/versions.md", import.meta.url), "utf8")).filter(hasPassed);
    const versions = rows.map(({ version }) => version);
    expect(versions.length).toBeGreaterThanOrEqual(5);
    expect(versions).toContain(MINIMUM_VERSION);
    expect(versions).toContain(manifest.devDependencies["@anthropic-ai/claude-code"]);
  });
});
