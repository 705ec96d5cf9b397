import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { searchDirectories } from "../../../../src/claude/locate/searchPlaces.ts";
import { scratchDirectory } from "../../../support/scratch.ts";

/** Directories in the home where installers put the CLI (November 2026). */
const UNIX: [installer: string, bin: string, environment?: (home: string) => NodeJS.ProcessEnv][] = [
  ["the native installer", ".local/bin"],
  ["the local installer", ".claude/local"],
  ["npm with a prefix", "prefix/bin", (home) => ({ npm_config_prefix: `${home}/prefix` })],
  ["npm with a prefix of its documentation", ".npm-global/bin"],
  ["nvm", ".nvm/versions/node/v22.1.0/bin"],
  ["nvm in another place", "nvm/versions/node/v22.1.0/bin", (home) => ({ NVM_DIR: `${home}/nvm` })],
  ["fnm", ".local/share/fnm/node-versions/v22.1.0/installation/bin"],
  ["fnm on macOS", "Library/Application Support/fnm/node-versions/v22.1.0/installation/bin"],
  ["fnm in another place", "fnm/node-versions/v22.1.0/installation/bin", (home) => ({ FNM_DIR: `${home}/fnm` })],
  ["Volta", ".volta/tools/image/packages/@anthropic-ai/claude-code/bin"],
  ["mise", ".local/share/mise/installs/node/22.1.0/bin"],
  ["mise's npm backend", ".local/share/mise/installs/npm-anthropic-ai-claude-code/2.1.330/bin"],
  ["mise's shims", ".local/share/mise/shims"],
  ["asdf", ".asdf/installs/nodejs/22.1.0/bin"],
  ["asdf in another place", "asdf/installs/nodejs/22.1.0/bin", (home) => ({ ASDF_DATA_DIR: `${home}/asdf` })],
  ["pnpm", ".local/share/pnpm"],
  ["pnpm 11", ".local/share/pnpm/bin"],
  ["pnpm on macOS", "Library/pnpm"],
  ["pnpm in another place", "pnpm", (home) => ({ PNPM_HOME: `${home}/pnpm` })],
  ["bun", ".bun/bin"],
  ["Nix", ".nix-profile/bin"],
  ["Claude Code's extension", ".vscode/extensions/anthropic.claude-code-2.1.330-linux-x64/resources/native-binary"],
];

describe("the directories to search", () => {
  it.each(UNIX)("include that of %s", async (_installer, bin, environment = () => ({})) => {
    const home = scratchDirectory();
    mkdirSync(join(home, bin), { recursive: true });
    const all = await searchDirectories([], { HOME: home, ...environment(home) }, "linux");
    expect(all).toContain(join(home, bin));
  });

  it.each([
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
    "/etc/profiles/per-user/u/bin",
  ])("include %s", async (directory) => {
    expect(await searchDirectories([], { USER: "u" }, "darwin")).toContain(directory);
  });

  it("list a version manager's highest version first", async () => {
    const home = scratchDirectory();
    const bin = (version: string) => join(home, ".nvm/versions/node", version, "bin");
    const versions = ["v9.11.2", "v22.1.0", "v22.10.0", "v18.0.0"];
    for (const version of versions) mkdirSync(bin(version), { recursive: true });
    const all = await searchDirectories([], { HOME: home }, "linux");
    const found = all.filter((directory) => directory.includes(".nvm"));
    mkdirSync(join(home, ".vscode/extensions/other.claude-code-9/resources/native-binary"), { recursive: true });
    expect((await searchDirectories([], { HOME: home }, "linux")).join()).not.toContain("other.claude-code-9");
    expect(found).toEqual(["v22.10.0", "v22.1.0", "v18.0.0", "v9.11.2"].map(bin));
  });

  it("begin with the PATH; programs of a version manager come before its shims", async () => {
    const home = scratchDirectory();
    const installed = join(home, ".asdf/installs/nodejs/22.1.0/bin");
    mkdirSync(installed, { recursive: true });
    const shims = join(home, ".asdf/shims");
    const all = await searchDirectories(["/first", shims, "/last"], { HOME: home }, "linux");
    expect(all.slice(0, 4)).toEqual(["/first", installed, shims, "/last"]);
    expect(new Set(all).size).toBe(all.length);
  });

  it("omit places with an unset variable", async () => {
    const all = await searchDirectories([], {}, "linux");
    expect(all.filter((directory) => !/^\/(usr|opt|home|run|nix)\//.test(directory))).toEqual([]);
  });

  it("ignore the case of variable names on Windows", async () => {
    const all = await searchDirectories([], { LocalAppData: "C:\\Local", userprofile: "C:\\Users\\u" }, "win32");
    const expected = [
      join("C:\\Local", "Microsoft", "WinGet", "Links"),
      join("C:\\Local", "Volta", "bin"),
      join("C:\\Users\\u", "scoop", "shims"),
    ];
    expect(all).toEqual(expect.arrayContaining(expected));
  });
});
