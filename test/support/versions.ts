/**
 * `npm run versions [VERSION …]`: runs the contract and fidelity tests on published versions of the CLI and writes the
 * README's table. Without arguments: those that stand there, and the newest.
 */
import { execFile, spawnSync } from "node:child_process";
import { access, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { hasPassed, type Report, type Row, rowOf, rowsIn, withRows } from "./versionsTable.ts";

const PACKAGE = "@anthropic-ai/claude-code";
const README = new URL("../../README.md", import.meta.url).pathname;

const npm = async (...args: string[]): Promise<string> => (await promisify(execFile)("npm", args)).stdout;

/** Installs a version without running anything of it, where it is not there yet; gives the path of its binary. */
async function install(version: string, directory: string): Promise<string> {
  const { platform, arch } = process;
  const name = platform === "win32" ? "claude.exe" : "claude";
  const path = join(directory, "node_modules", `${PACKAGE}-${platform}-${arch}`, name);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  const quietly = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
  if (!isThere) await npm("install", "--prefix", directory, ...quietly, `${PACKAGE}@${version}`);
  return path;
}

/** Runs the tests on this binary; undefined where they did not come to an end. */
async function runTests(binary: string, directory: string): Promise<Report | undefined> {
  const file = join(directory, "report.json");
  const args = ["run", "test/contract", "test/fidelity", "--reporter=json", `--outputFile.json=${file}`];
  const env = { ...process.env, CLAUDE_VIRTUAL_API_TEST_CLAUDE: binary };
  spawnSync("vitest", args, { env, stdio: ["ignore", "ignore", "inherit"] });
  return readFile(file, "utf8").then(JSON.parse, () => undefined);
}

/** Where versions stay installed that are wanted again; else each goes when it has been tried. */
const kept = process.env.CLAUDE_VIRTUAL_API_VERSIONS_DIR;

async function tryVersion(version: string): Promise<Row> {
  const scratch = await mkdtemp(join(tmpdir(), "claude-virtual-api-version-"));
  try {
    const published = String(JSON.parse(await npm("view", PACKAGE, "time", "--json"))[version]).slice(0, 10);
    const binary = await install(version, kept ? join(kept, version) : scratch);
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
  return [...new Set([...rowsIn(await readFile(README, "utf8")).map(({ version }) => version), newest])];
}

for (const version of await wanted()) {
  const row = await tryVersion(version);
  const where = `Run on ${process.platform} ${process.arch}, ${new Date().toISOString().slice(0, 10)}.`;
  await writeFile(`${README}.new`, withRows(await readFile(README, "utf8"), [row], where));
  await rename(`${README}.new`, README);
  console.log(`${row.version} (${row.published}): contract ${row.contract}, fidelity ${row.fidelity}`);
  if (!hasPassed(row)) process.exitCode = 1;
}
