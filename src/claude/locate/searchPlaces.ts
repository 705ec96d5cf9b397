import { readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * `{NAME}` is a variable; the place is skipped if it is unset. `*` matches the rest of a directory entry, highest
 * version first.
 */
type Place = string;

/** A version manager. Its shims depend on variables, so the programs behind them come first. */
interface Manager {
  shims: readonly Place[];
  programs: readonly Place[];
}

/** Claude Code's own extension contains the CLI. Its updates replace that directory, so it comes last. */
const ofEditors = (home: string): readonly Place[] =>
  [".vscode", ".vscode-insiders", ".vscode-server", ".vscode-oss", ".cursor", ".cursor-server", ".windsurf"].map(
    (editor) => `${home}/${editor}/extensions/anthropic.claude-code-*/resources/native-binary`,
  );

/** In search order. Paths from each installer's documentation (November 2026). */
const UNIX: readonly (Place | Manager)[] = [
  // Claude Code's native and local installers
  ...["{HOME}/.local/bin", "{HOME}/.claude/local"],
  // Homebrew
  ...["{HOMEBREW_PREFIX}/bin", "/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin"],
  "{HOME}/.linuxbrew/bin",
  // npm with a prefix, n
  ...["{npm_config_prefix}/bin", "{NPM_CONFIG_PREFIX}/bin", "{HOME}/.npm-global/bin", "{HOME}/.npm-packages/bin"],
  ...["{N_PREFIX}/bin", "{HOME}/n/bin"],
  // bun, pnpm (in `bin` since version 11), yarn
  ...["{BUN_INSTALL}/bin", "{HOME}/.bun/bin"],
  ...["{PNPM_HOME}/bin", "{PNPM_HOME}", "{XDG_DATA_HOME}/pnpm/bin", "{XDG_DATA_HOME}/pnpm"],
  ...["{HOME}/.local/share/pnpm/bin", "{HOME}/.local/share/pnpm", "{HOME}/Library/pnpm/bin", "{HOME}/Library/pnpm"],
  ...["{HOME}/.yarn/bin", "{HOME}/.config/yarn/global/node_modules/.bin"],
  // nvm, also in containers
  ...["{NVM_DIR}/versions/node/*/bin", "{HOME}/.nvm/versions/node/*/bin", "{XDG_CONFIG_HOME}/nvm/versions/node/*/bin"],
  ...["{HOME}/.config/nvm/versions/node/*/bin", "/usr/local/share/nvm/versions/node/*/bin"],
  // fnm
  ...["{FNM_DIR}/node-versions/*/installation/bin", "{XDG_DATA_HOME}/fnm/node-versions/*/installation/bin"],
  "{HOME}/.local/share/fnm/node-versions/*/installation/bin",
  "{HOME}/Library/Application Support/fnm/node-versions/*/installation/bin",
  "{HOME}/.fnm/node-versions/*/installation/bin",
  {
    shims: ["{VOLTA_HOME}/bin", "{HOME}/.volta/bin"],
    programs: [
      "{VOLTA_HOME}/tools/image/packages/@anthropic-ai/claude-code/bin",
      "{HOME}/.volta/tools/image/packages/@anthropic-ai/claude-code/bin",
    ],
  },
  {
    shims: ["{MISE_DATA_DIR}/shims", "{XDG_DATA_HOME}/mise/shims", "{HOME}/.local/share/mise/shims"],
    programs: ["{MISE_DATA_DIR}", "{XDG_DATA_HOME}/mise", "{HOME}/.local/share/mise"].flatMap((data) => [
      ...[`${data}/installs/claude/*`, `${data}/installs/claude/*/bin`],
      `${data}/installs/npm-anthropic-ai-claude-code/*/bin`,
      `${data}/installs/node/*/bin`,
    ]),
  },
  {
    shims: ["{ASDF_DATA_DIR}/shims", "{HOME}/.asdf/shims"],
    programs: ["{ASDF_DATA_DIR}/installs/nodejs/*/bin", "{HOME}/.asdf/installs/nodejs/*/bin"],
  },
  {
    shims: ["{NODENV_ROOT}/shims", "{HOME}/.nodenv/shims"],
    programs: ["{NODENV_ROOT}/versions/*/bin", "{HOME}/.nodenv/versions/*/bin"],
  },
  // Nix
  ...["{HOME}/.nix-profile/bin", "{XDG_STATE_HOME}/nix/profile/bin", "{HOME}/.local/state/nix/profile/bin"],
  ...["/etc/profiles/per-user/{USER}/bin", "/run/current-system/sw/bin", "/nix/var/nix/profiles/default/bin"],
  // MacPorts, system packages
  ...["/opt/local/bin", "/usr/bin"],
  ...ofEditors("{HOME}"),
];

const WINDOWS: readonly (Place | Manager)[] = [
  "{USERPROFILE}/.local/bin",
  // npm
  ...["{APPDATA}/npm", "{npm_config_prefix}", "{NPM_CONFIG_PREFIX}", "{ProgramFiles}/nodejs"],
  "{USERPROFILE}/.claude/local",
  // WinGet, Scoop, Chocolatey
  ...["{LOCALAPPDATA}/Microsoft/WinGet/Links", "{ProgramFiles}/WinGet/Links"],
  ...["{SCOOP}/shims", "{USERPROFILE}/scoop/shims"],
  ...["{SCOOP}/persist/nodejs/bin", "{USERPROFILE}/scoop/persist/nodejs/bin"],
  ...["{SCOOP}/persist/nodejs-lts/bin", "{USERPROFILE}/scoop/persist/nodejs-lts/bin"],
  "{ChocolateyInstall}/bin",
  // bun, pnpm, yarn
  ...["{BUN_INSTALL}/bin", "{USERPROFILE}/.bun/bin"],
  ...["{PNPM_HOME}/bin", "{PNPM_HOME}", "{LOCALAPPDATA}/pnpm/bin", "{LOCALAPPDATA}/pnpm", "{LOCALAPPDATA}/Yarn/bin"],
  // nvm-windows, fnm
  ...["{NVM_SYMLINK}", "{NVM_HOME}/*", "{APPDATA}/nvm/*", "{LOCALAPPDATA}/nvm/*"],
  ...["{FNM_DIR}/node-versions/*/installation", "{APPDATA}/fnm/node-versions/*/installation"],
  {
    shims: ["{VOLTA_HOME}/bin", "{LOCALAPPDATA}/Volta/bin"],
    programs: [
      "{VOLTA_HOME}/tools/image/packages/@anthropic-ai/claude-code",
      "{LOCALAPPDATA}/Volta/tools/image/packages/@anthropic-ai/claude-code",
    ],
  },
  {
    shims: ["{MISE_DATA_DIR}/shims", "{LOCALAPPDATA}/mise/shims"],
    programs: ["{MISE_DATA_DIR}", "{LOCALAPPDATA}/mise"].flatMap((data) => [
      ...[`${data}/installs/claude/*`, `${data}/installs/npm-anthropic-ai-claude-code/*`],
      `${data}/installs/node/*`,
    ]),
  },
  ...ofEditors("{USERPROFILE}"),
];

/**
 * The `PATH`, which is short for an editor started from a dock, then the usual installers. A version manager's shims
 * come after its programs.
 */
export async function searchDirectories(
  path: readonly string[],
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): Promise<string[]> {
  const table = platform === "win32" ? WINDOWS : UNIX;
  const all = (places: readonly Place[]) =>
    Promise.all(places.map((place) => expand(place, environment, platform))).then((lists) => lists.flat());
  const rows = await Promise.all(
    table.map(async (row) => {
      if (typeof row === "string") return { shims: [], directories: await all([row]) };
      const shims = await all(row.shims);
      return { shims, directories: [...(await all(row.programs)), ...shims] };
    }),
  );
  const behindShim = (directory: string) => rows.find(({ shims }) => shims.includes(directory))?.directories;
  const first = path.flatMap((directory) => behindShim(directory) ?? [directory]);
  return [...new Set([...first, ...rows.flatMap(({ directories }) => directories)])];
}

async function expand(place: Place, environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): Promise<string[]> {
  let lacksVariable = false;
  const template = place.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = variable(name, environment, platform);
    lacksVariable ||= !value;
    return value ?? "";
  });
  if (lacksVariable) return [];
  const [root, ...parts] = template.split("/");
  let directories = [root || "/"];
  for (const part of parts) {
    if (part.endsWith("*")) {
      const entries = directories.map((directory) => newestFirst(directory, part.slice(0, -1)));
      directories = (await Promise.all(entries)).flat();
    } else directories = directories.map((directory) => join(directory, part));
  }
  return directories;
}

/** Windows ignores the case of variable names; a copy of the environment does not. */
function variable(name: string, environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): string | undefined {
  if (environment[name] !== undefined || platform !== "win32") return environment[name];
  return Object.entries(environment).find(([key]) => key.toUpperCase() === name.toUpperCase())?.[1];
}

async function newestFirst(directory: string, prefix: string): Promise<string[]> {
  // most of these directories do not exist
  const names = await readdir(directory).catch(() => []);
  const newer = (a: string, b: string) => b.localeCompare(a, "en", { numeric: true });
  const matching = names.filter((name) => name.startsWith(prefix)).sort(newer);
  return matching.map((name) => join(directory, name));
}
