import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export const PACKAGE = "@anthropic-ai/claude-code";

export const npm = async (...args: string[]): Promise<string> => (await promisify(execFile)("npm", args)).stdout;

/** Keeps installed versions for reuse. By default each is installed in the given directory. */
const kept = process.env.CLAUDE_VIRTUAL_API_VERSIONS_DIR;

/** Installs a version, without its scripts, unless it is installed. Returns the path of its binary. */
export async function installVersion(version: string, scratch: string): Promise<string> {
  const directory = kept ? join(kept, version) : scratch;
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
