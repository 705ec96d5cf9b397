import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { isScarcity } from "../../api/cliErrors.ts";
import { isObject } from "../../api/isObject.ts";
import { isMissing } from "../../api/systemErrors.ts";

/** Sign-in settings from the user's settings of the CLI. */
export interface SignInSettings {
  /** The complete `env` block; `childEnvironment` selects what a worker gets. */
  environment: Record<string, string>;
  /** Helpers, unchanged, for `--settings`. */
  helpers: Record<string, string>;
}

/** Commands that print credentials (docs: "Claude Code settings"). They contain no secret. */
const HELPERS = ["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh"];

/**
 * Reads `settings.json` of the CLI, by which some users sign in. Workers do not load it, because it also sets hooks,
 * plugins and permissions. Throws if it is not JSON.
 */
export async function readSignInSettings(environment: NodeJS.ProcessEnv): Promise<SignInSettings> {
  const path = settingsPath(environment);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (isMissing(error)) return "{}";
    if (isScarcity(error)) throw error;
    throw new Error(`${path} cannot be read, so its sign-in is not used: ${error.message}`);
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

export function settingsPath(environment: NodeJS.ProcessEnv): string {
  const home = environment.HOME ?? environment.USERPROFILE ?? homedir();
  return join(environment.CLAUDE_CONFIG_DIR ?? join(home, ".claude"), "settings.json");
}

function parse(text: string, path: string): Record<string, unknown> {
  try {
    // Windows editors add a byte order mark, which the CLI ignores
    const value = JSON.parse(text.replace(/^\u{feff}/u, ""));
    if (isObject(value)) return value;
  } catch {
    // reported below without the text, which may contain a key
  }
  throw new Error(`${path} is not a JSON object, so its sign-in is not used.`);
}
