import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cliEnvironment, cliIncompatible } from "../../../../src/api/cliErrors.ts";
import {
  type CheckCompatibility,
  candidates,
  hasChanged,
  locate,
  MINIMUM_VERSION,
} from "../../../../src/claude/locate/locate.ts";
import { place, scratchDirectory } from "../../../support/scratch.ts";

const printing = (text: string) => `#!/bin/sh\n[ "$*" = --version ] && echo '${text}'\n`;
const CLAUDE = printing("2.1.330 (Claude Code)");

describe("candidates", () => {
  it.each([
    ["linux", { PATH: ["/a", "", "b", "/a"].join(":"), HOME: "/home/u" }, ["/a/claude", "/home/u/.local/bin/claude"]],
    ["darwin", { PATH: "." }, ["/usr/local/bin/claude", "/opt/homebrew/bin/claude"]],
  ] as const)(
    "on %s are in the absolute directories of the PATH, once each, then in the usual places",
    async (...row) => {
      const [platform, environment, first] = row;
      const all = await candidates(environment, platform);
      expect(all.slice(0, 2)).toEqual(first);
      expect(new Set(all).size).toBe(all.length);
      expect(all.filter((path) => !path.startsWith("/"))).toEqual([]);
    },
  );

  it.each(["Path", "PATH"])("on Windows are programs and shims in the directories of %s and of npm", async (name) => {
    const home = "C:\\Users\\u";
    const environment = { [name]: "C:\\a;;b;C:\\b", USERPROFILE: home, APPDATA: "C:\\Roaming", HOME: "/ignored" };
    const usual = [join(home, ".local", "bin"), join("C:\\Roaming", "npm")];
    const expected = ["C:\\a", "C:\\b", ...usual].flatMap((directory) => [
      join(directory, "claude.exe"),
      join(directory, "claude.cmd"),
    ]);
    expect((await candidates(environment, "win32")).slice(0, expected.length)).toEqual(expected);
  });
});

describe.skipIf(process.platform === "win32")("locate", () => {
  it("uses the given path", async () => {
    const path = place(join(scratchDirectory(), "my claude"), CLAUDE);
    expect(await locate(path, {})).toMatchObject({
      command: path,
      prefix: [],
      path,
      version: "2.1.330",
      skipped: [],
    });
  });

  it("uses the first program of the PATH", async () => {
    const directory = scratchDirectory();
    const first = place(join(directory, "a", "claude"), CLAUDE);
    place(join(directory, "b", "claude"), printing("2.1.999 (Claude Code)"));
    const PATH = [join(directory, "none"), join(directory, "a"), join(directory, "b")].join(":");
    expect(await locate(undefined, { PATH, HOME: directory })).toMatchObject({ path: first, version: "2.1.330" });
  });

  it("searches the usual places after the PATH", async () => {
    const directory = scratchDirectory();
    const path = place(join(directory, ".local", "bin", "claude"), CLAUDE);
    expect(await locate(undefined, { PATH: join(directory, "none"), HOME: directory })).toMatchObject({ path });
  });

  it("runs --version in the given environment, without updates", async () => {
    const script = `#!/bin/sh\necho "2.1.$A$DISABLE_AUTOUPDATER (Claude Code)"\n`;
    const path = place(join(scratchDirectory(), "claude"), script);
    expect(await locate(path, { A: "77" })).toMatchObject({ version: "2.1.771" });
  });

  const [major, minor, patch] = MINIMUM_VERSION.split(".").map(Number) as [number, number, number];

  it.each([
    ...[MINIMUM_VERSION, `${major}.${minor}.${patch * 10}`, `${major}.${minor + 9}.0`, `${major + 8}.0.1`],
    `${MINIMUM_VERSION}-beta.2`,
  ])("accepts version %s", async (version) => {
    const path = place(join(scratchDirectory(), "claude"), printing(`${version} (Claude Code)`));
    expect(await locate(path, {})).toMatchObject({ version: version.replace(/-.*/, "") });
  });

  it.each([
    ...[`${major}.${minor}.${patch - 1}`, `${major}.${minor}.9`, `${major}.${minor - 1}.${patch + 1}`],
    `${major - 1}.${minor + 1}.${patch + 1}`,
  ])("rejects version %s as too old", async (version) => {
    const path = place(join(scratchDirectory(), "claude"), printing(`${version} (Claude Code)`));
    const expected = `Claude Code ${version} at '${path}' is too old: at least ${MINIMUM_VERSION} is needed. Run 'claude update'.`;
    await expect(locate(path, {})).rejects.toMatchObject({ status: 500, type: "api_error", message: expected });
  });

  it.each([
    ["prints something else", printing("claude 1.0"), "'--version' does not name Claude Code"],
    ["prints nothing", "#!/bin/sh\n", "'--version' does not name Claude Code"],
    ["fails", "#!/bin/sh\necho why >&2; exit 3\n", "'--version' failed \\(exit code 3\\): why"],
    ["is not a program", "", "ENOEXEC|'--version' does not name Claude Code"],
  ])("rejects a program that %s", async (_how, script, reason) => {
    const path = place(join(scratchDirectory(), "claude"), script);
    const refused = await locate(path, {}).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      status: 500,
      message: expect.stringContaining(`'${path}' does not run as Claude`),
    });
    expect((refused as Error).message).toMatch(
      new RegExp(
        `Code: .*(${reason}).*\\. Fix the path \\(--claude, or claudeVirtualApi\\.claudePath in VS Code\\), or install Claude Code`,
      ),
    );
  });

  it("reports a given path that does not exist, and searches nowhere else", async () => {
    const directory = scratchDirectory();
    place(join(directory, "claude"), CLAUDE);
    const missing = join(directory, "missing");
    const refused = locate(missing, { PATH: directory, HOME: directory });
    const message = expect.stringContaining(`'${missing}' does not run as Claude Code: no such file.`);
    await expect(refused).rejects.toMatchObject({ status: 500, message });
  });
});

describe.skipIf(process.platform === "win32")("a search", () => {
  const fit = join(".local", "bin", "claude");
  const older = `${MINIMUM_VERSION.replace(/\d+$/, "")}1`;
  /** What is first on the PATH, and the reason for skipping it. */
  const UNFIT: [what: string, put: (path: string) => unknown, reason: string][] = [
    [
      "a version that is too old",
      (path) => place(path, printing(`${older} (Claude Code)`)),
      `Claude Code ${older} at `,
    ],
    ["another program", (path) => place(path, printing("claude 1.0")), "'--version' does not name Claude Code"],
    ["a program that fails", (path) => place(path, "#!/bin/sh\nexit 3\n"), "'--version' failed (exit code 3)"],
    ["a script without its interpreter", (path) => place(path, "#!/nowhere/node\n"), "ENOENT"],
    ["a file that is not executable", (path) => place(path, CLAUDE, 0o644), "it is not executable"],
    ["a dangling link", (path) => symlinkSync("/nowhere/claude", path), "a link to a file that does not exist"],
  ];

  it.each(UNFIT)("skips %s and gives the reason", async (_what, put, reason) => {
    const directory = scratchDirectory();
    const first = join(directory, "claude");
    put(first);
    const path = place(join(directory, fit), CLAUDE);
    const cli = await locate(undefined, { PATH: directory, HOME: directory });
    expect(cli).toMatchObject({ path, skipped: [{ path: first, reason: expect.stringContaining(reason) }] });
  });

  it("lists every unusable program once, with its reason", async () => {
    const directory = scratchDirectory();
    const first = place(join(directory, "a", "claude"), printing(`${older} (Claude Code)`));
    mkdirSync(join(directory, "b"));
    symlinkSync(first, join(directory, "b", "claude"));
    const last = place(join(directory, fit), "#!/bin/sh\n");
    const PATH = `${join(directory, "a")}:${join(directory, "b")}`;
    await expect(locate(undefined, { PATH, HOME: directory })).rejects.toMatchObject({
      status: 500,
      message: `None of the 2 programs found as 'claude' can be used. Claude Code ${older} at '${first}' is too old: at least ${MINIMUM_VERSION} is needed. '${last}' does not run as Claude Code: '--version' does not name Claude Code. Run 'claude update', install Claude Code (npm install -g @anthropic-ai/claude-code), or set its path (--claude, or claudeVirtualApi.claudePath in VS Code).`,
      details: { error_code: "cli_unusable" },
    });
  });

  it("skips an incompatible version, and stops at a problem of the whole machine", async () => {
    const directory = scratchDirectory();
    const first = place(join(directory, "claude"), printing("2.1.999 (Claude Code)"));
    const path = place(join(directory, fit), CLAUDE);
    const environment = { PATH: directory, HOME: directory };
    const checkCompatibility: CheckCompatibility = async ({ version }) => {
      if (version === "2.1.999") throw cliIncompatible(version, ["one call after max_tokens"]);
    };
    const reason = "Claude Code 2.1.999 is not compatible with this server; failed checks: one call after max_tokens";
    const skipped = [{ path: first, reason }];
    expect(await locate(undefined, environment, undefined, checkCompatibility)).toMatchObject({ path, skipped });
    await expect(locate(first, environment, undefined, checkCompatibility)).rejects.toThrow("Claude Code 2.1.999");
    const problem = cliEnvironment("TMPDIR", "/none", "which does not exist");
    const refuse = locate(undefined, environment, undefined, () => Promise.reject(problem));
    await expect(refuse).rejects.toBe(problem);
  });
});

describe.skipIf(process.platform === "win32")("a script of a version manager", () => {
  it("runs with the node next to it, whatever is first on the PATH", async () => {
    const directory = scratchDirectory();
    const bin = join(directory, ".nvm", "versions", "node", "v22.1.0", "bin");
    place(join(bin, "node"), `#!/bin/sh\necho "2.1.330 (Claude Code)"\n`);
    const path = place(join(bin, "claude"), "#!/usr/bin/env node\n");
    place(join(directory, "old", "node"), "#!/bin/sh\nexit 1\n");
    const PATH = `${join(directory, "old")}:/usr/bin:/bin`;
    const cli = await locate(undefined, { PATH, HOME: directory });
    expect(cli).toMatchObject({ path, searchPath: `${bin}:${PATH}`, version: "2.1.330" });
  });

  it("runs with a version manager's node if neither the PATH nor its own directory has one", async () => {
    const directory = scratchDirectory();
    const bin = join(directory, "nvm", "versions", "node", "v22.1.0", "bin");
    place(join(bin, "node"), `#!/bin/sh\necho "2.1.330 (Claude Code)"\n`);
    place(join(directory, ".npm-global", "bin", "claude"), `#!${join(directory, "env")}\n`);
    // like 'env node'
    place(join(directory, "env"), `#!/bin/sh\nexec node\n`);
    place(join(directory, "bin", "nothing"), "");
    const PATH = join(directory, "bin");
    const environment = { PATH, HOME: directory, NVM_DIR: join(directory, "nvm") };
    const found = await locate(undefined, environment).catch((error: Error) => error);
    // a machine may have node in one of the usual places
    expect(found).toMatchObject({ version: "2.1.330", searchPath: expect.stringMatching(`^${PATH}:`) });
  });
});

describe.skipIf(process.platform === "win32")("a located CLI", () => {
  it("has changed if its file, its link's target or its wrapper's program has", async () => {
    const directory = scratchDirectory();
    const program = place(join(directory, "bin", "real-claude"), CLAUDE);
    const wrapper = place(join(directory, "wrapper"), `#!/bin/sh\nexec "${program}" "$@"\n`);
    symlinkSync(program, join(directory, "link"));
    const all = () => Promise.all([program, wrapper, join(directory, "link")].map((path) => locate(path, {})));
    const before = await all();
    expect(await Promise.all(before.map(hasChanged))).toEqual([false, false, false]);
    place(`${program}.new`, CLAUDE);
    renameSync(`${program}.new`, program);
    expect(await Promise.all(before.map(hasChanged))).toEqual([true, true, true]);
    const after = await all();
    rmSync(program);
    expect(await Promise.all(after.map(hasChanged))).toEqual([true, true, true]);
  });
});

describe.skipIf(process.platform === "win32")("a directory named like the CLI", () => {
  it("is skipped", async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "a", "claude"), { recursive: true });
    const path = place(join(directory, "b", "claude"), CLAUDE);
    const PATH = `${join(directory, "a")}:${join(directory, "b")}`;
    expect(await locate(undefined, { PATH, HOME: directory })).toMatchObject({ path });
  });
});
