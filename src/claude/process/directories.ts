import { access, constants, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { cliEnvironment, isScarcity } from "../../api/cliErrors.ts";
import { describeDirectoryFault } from "../../api/directoryFaults.ts";
import { describe, type MessageDescriptor } from "../../api/messageDescriptors.ts";
import { makeDirectories, whyUnusable } from "../../shared/directories.ts";
import { PRIVATE_DIRECTORY_MODE } from "../../shared/privateFiles.ts";

/**
 * The CLI's directory for temporary files, created if missing. Throws `ApiError` naming the variable if it is unusable.
 */
export async function temporaryDirectory(
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): Promise<string> {
  const names = platform === "win32" ? ["TEMP", "TMP"] : ["TMPDIR", "TMP", "TEMP"];
  const name = names.find((variable) => environment[variable]) ?? (names[0] as string);
  const path = environment[name] || (platform === "win32" ? tmpdir() : "/tmp");
  try {
    await requireWritable(path);
  } catch (error) {
    if (isScarcity(error)) throw error;
    const reason = describeDirectoryFault(error);
    throw cliEnvironment(name, path, describeFault(error), describe("cli_environment", { name, path, reason }));
  }
  return path;
}

/** Describes a problem with the home directory, without which the CLI still starts. */
export async function homeProblem(
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): Promise<{ text: string; descriptor: MessageDescriptor } | undefined> {
  const name = platform === "win32" ? "USERPROFILE" : "HOME";
  const path = environment[name];
  if (!path) return undefined;
  try {
    if (!(await stat(path)).isDirectory()) throw systemError("ENOTDIR");
    await access(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = isMissing ? "which does not exist" : describeFault(error);
    return {
      text: `${name} is '${path}', ${reason}: Claude Code can neither find nor save a sign-in there.`,
      descriptor: describe("home_unusable", { name, path, reason: describeDirectoryFault(error) }),
    };
  }
}

async function requireWritable(path: string): Promise<void> {
  await makeDirectories(path, PRIVATE_DIRECTORY_MODE);
  await access(path, constants.W_OK | constants.X_OK);
}

function describeFault(error: unknown): string {
  return whyUnusable(error) ?? `which cannot be used (${(error as Error).message})`;
}

const systemError = (code: string) => Object.assign(new Error(code), { code });
