import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Shows the child process an `/etc` with the managed settings in the variable, if any. */
const SCRIPT = `
d=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && mkdir "$d/etc" && mount --rbind /etc "$d/etc" && mount -t tmpfs tmpfs /etc || exit 97
for file in "$d"/etc/* "$d"/etc/.[!.]*; do ln -s "$file" /etc/; done
rm -f /etc/claude-code && mkdir /etc/claude-code && printf %s "$MANAGED_SETTINGS" > /etc/claude-code/managed-settings.json
unset MANAGED_SETTINGS
exec "$@"`;

/** Where the CLI reads them on such a machine. */
export const MANAGED_FILE = "/etc/claude-code/managed-settings.json";

/**
 * A program that runs Node on a machine with these managed settings, in its own mount namespace so that other processes
 * do not see them. Linux only.
 */
export async function managedNode(directory: string, settings: object): Promise<string> {
  const path = join(directory, "managed-node");
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const command = `exec unshare -rm sh -c ${quoted(SCRIPT)} sh ${quoted(process.execPath)} "$@"`;
  const text = `#!/bin/sh\nexport MANAGED_SETTINGS=${quoted(JSON.stringify(settings))}\n${command}\n`;
  await writeFile(path, text, { mode: 0o755 });
  return path;
}

/**
 * Whether this machine allows mount namespaces. If not, tests that need one are skipped with a warning, and fail in CI.
 */
export function canManage(): boolean {
  const tried = spawnSync("unshare", ["-rm", "sh", "-c", SCRIPT, "sh", "true"], { encoding: "utf8" });
  if (tried.status === 0) return true;
  const reason = `managed settings are not tested, since this machine has no mount namespaces: ${tried.stderr ?? tried.error}`;
  if (process.env.CI) throw new Error(reason);
  console.warn(reason);
  return false;
}
