import { execFile } from "node:child_process";
import { cp, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../../..");
const LEFT_OUT = new Set(["node_modules", "dist", "test", "bench", "coverage", ".git", ".ci", ".vscode-test"]);

/** Packages the extension in a copy under `folder`, so that other tests' `dist/` stays unchanged. Returns the .vsix's path. */
export async function packageExtension(folder: string): Promise<string> {
  const copy = join(folder, "package");
  for (const name of await readdir(root)) {
    if (!LEFT_OUT.has(name)) await cp(join(root, name), join(copy, name), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  const vsix = join(folder, "extension.vsix");
  const bin = join(root, "node_modules/.bin");
  await promisify(execFile)("npm", ["run", "package", "--", "--out", vsix], {
    cwd: copy,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  return vsix;
}
