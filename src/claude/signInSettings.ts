import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { isScarcity } from "../api/cliErrors.ts";
import { isObject } from "../api/isObject.ts";
import { isMissing } from "../api/systemErrors.ts";

/** What the user's own settings of the CLI say of signing in. */
export interface SignInSettings {
  /** The `env` block, whole; which of it a worker gets is for `childEnvironment` to say. */
  environment: Record<string, string>;
  /** The helpers, as they stand there, for `--settings`. */
  helpers: Record<string, string>;
}

/** Commands that bring credentials (docs: "Claude Code settings"). They name a program, and hold no secret. */
const HELPERS = ["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh"];

/**
 * Reads them from `settings.json` in the CLI's configuration directory. Workers do not load that file, since it also
 * brings hooks, plugins and permissions; some users sign in by it all the same. Throws when it cannot be read as JSON.
 */
export async function readSignInSettings(environment: NodeJS.ProcessEnv): Promise<SignInSettings> {
  const path = settingsPath(environment);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (isMissing(error)) return "{}";
    if (isScarcity(error)) throw error;
    throw new Error(`${path} cannot be read, so a sign-in in it is not used: ${error.message}`);
  });
  const settings = parse(text, path);
  const env = isObject(settings.env) ? settings.env : {};
  return {
    environment: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])),
    helpers: Object.fromEntries(
      HELPERS.flatMap((name) => (typeof settings[name] === "string" ? [[name, settings[name]]] : [])),
    ),
  };
}

/** Where the user's settings of the CLI are. */
export function settingsPath(environment: NodeJS.ProcessEnv): string {
  const home = environment.HOME ?? environment.USERPROFILE ?? homedir();
  return join(environment.CLAUDE_CONFIG_DIR ?? join(home, ".claude"), "settings.json");
}

function parse(text: string, path: string): Record<string, unknown> {
  try {
    // Windows editors put a byte order mark before it, which the CLI passes over
    const value = JSON.parse(text.replace(/^\u{feff}/u, ""));
    if (isObject(value)) return value;
  } catch {
    // told below, without the text, which may hold a key
  }
  throw new Error(`${path} is not a JSON object, so a sign-in in it is not used.`);
}
