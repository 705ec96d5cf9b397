/**
 * `npm run versions [VERSION …]`: runs the contract and fidelity tests on published versions of the CLI and writes the
 * table in `docs/versions.md`. Without arguments: the versions in the table, and the newest.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installVersion, npm, PACKAGE } from "./installVersion.ts";
import { hasPassed, type Report, type Row, rowOf, rowsIn, withRows } from "./versionsTable.ts";

const PAGE = new URL("../docs/versions.md", import.meta.url).pathname;

/** Runs the tests on this binary; undefined if they did not finish. */
async function runTests(binary: string, directory: string): Promise<Report | undefined> {
  const file = join(directory, "report.json");
  const args = ["run", "test/contract", "test/fidelity", "--reporter=json", `--outputFile.json=${file}`];
  const env = { ...process.env, CLAUDE_VIRTUAL_API_TEST_CLAUDE: binary };
  spawnSync("vitest", args, { env, stdio: ["ignore", "ignore", "inherit"] });
  return readFile(file, "utf8").then(JSON.parse, () => undefined);
}

async function tryVersion(version: string): Promise<Row> {
  const scratch = await mkdtemp(join(tmpdir(), "claude-virtual-api-version-"));
  try {
    const published = String(JSON.parse(await npm("view", PACKAGE, "time", "--json"))[version]).slice(0, 10);
    const binary = await installVersion(version, scratch);
    return rowOf(version, published, await runTests(binary, scratch));
  } catch (error) {
    console.error(`${version}: ${(error as Error).message}`);
    return rowOf(version, "unknown", undefined);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function wanted(): Promise<string[]> {
  const given = process.argv.slice(2);
  if (given.length > 0) return given;
  const newest = (await npm("view", PACKAGE, "version")).trim();
  return [...new Set([...rowsIn(await readFile(PAGE, "utf8")).map(({ version }) => version), newest])];
}

for (const version of await wanted()) {
  const row = await tryVersion(version);
  const where = `Run on ${process.platform} ${process.arch}, ${new Date().toISOString().slice(0, 10)}.`;
  await writeFile(`${PAGE}.new`, withRows(await readFile(PAGE, "utf8"), [row], where));
  await rename(`${PAGE}.new`, PAGE);
  console.log(`${row.version} (${row.published}): contract ${row.contract}, fidelity ${row.fidelity}`);
  if (!hasPassed(row)) process.exitCode = 1;
}
