import { randomUUID } from "node:crypto";
import { lstat, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isOwn, isPrivate, makePrivateDirectory, PRIVATE_FILE, requireOwn } from "../shared/privateFiles.ts";
import type { CliMessage } from "./codec.ts";

const WRITE_ATTEMPTS = 3;

const NAME = "one-call";
const STEP_NAME = "one-step";
/** Reports of the mods, which the CLI writes to stdout. */
const LOADED = "loaded";
const TURN_STARTED = "turn started";
const CALLING = "calling";

/**
 * A mod for the CLI (documented under "mods"): it is asked before each request that the CLI sends anywhere. The first
 * call of the model in a turn passes; whatever the CLI would send after it (to continue after `max_tokens`, a refusal or
 * an empty answer, to try again without streaming after a 404, without a beta after a 400 …) is denied on this machine,
 * as is any call of the model outside a turn. Counting is no such call. The mod reports that it runs, since the CLI goes
 * on without a mod that it could not load, and lists it as a plugin all the same.
 */
const FILES = modFiles(
  NAME,
  "One request to the model for each turn",
  // paths of Anthropic's API and Foundry, Vertex, Bedrock
  `const CALL = /(\\/v1\\/messages|(?<!\\/count-tokens):(streamR|r)awPredict|\\/invoke(-with-response-stream)?)(\\?|$)/;
export const register = (on) => {
  let spent = true;
  on("session.start", ($, session, next) => {
    $.ui.log("${LOADED}");
    return next(session);
  });
  on("turn.start", ($, turn, next) => {
    spent = false;
    $.ui.log("${TURN_STARTED}");
    return next(turn);
  });
  on("http.fetch", ($, request, next) => {
    if (!CALL.test(request.url)) return next(request);
    if (spent) return { deny: "one request, one call" };
    spent = true;
    $.ui.log("${CALLING}");
    return next(request);
  });
};
`,
);

/**
 * A second mod, for machines with an organization's guard (see guard.ts), where the CLI asks mods about the steps of a turn
 * but not about calls. It ends every step but the first without a call. All deltas of an answer pass through it, each for
 * 0.3 ms of CPU, so it is loaded only there.
 */
const STEP_FILES = modFiles(
  STEP_NAME,
  "One step for each turn",
  `export const register = (on) => {
  on("session.start", ($, session, next) => {
    $.ui.log("${LOADED}");
    return next(session);
  });
  on("turn.step", { index: /[^0]/ }, async function* ($, { turnId, index }, next) {
    return { turnId, index, answer: "", toolUses: [] };
  });
};
`,
);

/** The files of a mod: its manifest, and a module whose `register` is given this source. */
function modFiles(name: string, description: string, register: string): Record<string, string> {
  return {
    ".claude-plugin/plugin.json": JSON.stringify({ name, version: "1.0.0", description }),
    "hooks/hooks.json": JSON.stringify({ modules: ["./register.js"] }),
    "hooks/register.js": register,
  };
}

/** Whether the mod reports that it was loaded, which it does before the CLI answers `initialize`. */
export function reportsMod(message: CliMessage): boolean {
  return isLogOfMod(message, LOADED);
}

/** The same of the mod that ends further steps. */
export function reportsStepMod(message: CliMessage): boolean {
  return isLogOfMod(message, LOADED, STEP_NAME);
}

/** Whether the mod reports that it guards the turn that begins. */
export function reportsGuardedTurn(message: CliMessage): boolean {
  return isLogOfMod(message, TURN_STARTED);
}

/** Whether the mod reports that it lets the call of this turn pass, which it does before the call leaves. */
export function reportsCall(message: CliMessage): boolean {
  return isLogOfMod(message, CALLING);
}

function isLogOfMod({ type, subtype, plugin, text }: CliMessage, expected: string, name = NAME): boolean {
  return type === "system" && subtype === "ui_log" && plugin === name && text === expected;
}

/**
 * Writes the mod into `directory` unless it is there, and resolves with its path for `--plugin-dir`: an absolute one, since
 * the CLI resolves paths in its own working directory. The CLI runs the mod, so no other user may write to it. Throws when
 * another user owns the directory.
 */
export function installOneCallMod(directory: string): Promise<string> {
  return install(directory, NAME, FILES);
}

/** The same with the mod that ends further steps. */
export function installOneStepMod(directory: string): Promise<string> {
  return install(directory, STEP_NAME, STEP_FILES);
}

async function install(directory: string, mod: string, files: Record<string, string>): Promise<string> {
  const root = resolve(directory, mod);
  await makePrivateDirectory(root);
  requireOwn(directory, await stat(directory));
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await makePrivateDirectory(dirname(path));
    if (!(await isThere(path, content))) await put(path, content);
  }
  return root;
}

async function isThere(path: string, content: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats?.isFile() || !isOwn(stats) || !isPrivate(stats)) return false;
  return (await readFile(path, "utf8").catch(() => undefined)) === content;
}

/** Another server may share the directory, so a file appears whole or not at all. */
async function put(path: string, content: string, attempts = WRITE_ATTEMPTS): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, content, { mode: PRIVATE_FILE });
  try {
    await rename(draft, path);
  } catch (error) {
    // a server that becomes the owner of the directory removes all drafts, including this one
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempts === 1) throw error;
    await put(path, content, attempts - 1);
  }
}
