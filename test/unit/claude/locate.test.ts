import { mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { candidates, locate, MINIMUM_VERSION, unwrapShim } from "../../../src/claude/locate.ts";
import { place, scratchDirectory } from "../support/scratch.ts";

const PACKAGE = "node_modules\\@anthropic-ai\\claude-code";
const HEAD = ["@ECHO off", "GOTO start", ":find_dp0", "SET dp0=%~dp0", "EXIT /b", ":start", "SETLOCAL"];
/** What npm writes for a package whose `bin` is a program. */
const EXE_SHIM = [...HEAD, "CALL :find_dp0", `"%dp0%\\${PACKAGE}\\bin\\claude.exe"   %*`, ""].join("\r\n");
/** What npm writes for a package whose `bin` is a script of Node's. */
const JS_SHIM = [
  ...[...HEAD, "CALL :find_dp0", "", 'IF EXIST "%dp0%\\node.exe" (', '  SET "_prog=%dp0%\\node.exe"', ") ELSE ("],
  ...['  SET "_prog=node"', "  SET PATHEXT=%PATHEXT:;.JS;=;%", ")", ""],
  `endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%"  "%dp0%\\${PACKAGE}\\cli.js" %*`,
  "",
].join("\r\n");
/** What older versions of npm wrote. */
const OLD_SHIM = [
  ...[
    '@IF EXIST "%~dp0\\node.exe" (',
    `  "%~dp0\\node.exe"  "%~dp0\\${PACKAGE}\\cli.js" %*`,
    ") ELSE (",
    "  @SETLOCAL",
  ],
  ...["  @SET PATHEXT=%PATHEXT:;.JS;=;%", `  node  "%~dp0\\${PACKAGE}\\cli.js" %*`, ")", ""],
].join("\r\n");

const printing = (text: string) => `#!/bin/sh\n[ "$*" = --version ] && echo '${text}'\n`;
const CLAUDE = printing("2.1.330 (Claude Code)");

describe("candidates", () => {
  const unix = [
    ...[join("/home/u", ".local", "bin"), join("/home/u", ".claude", "local"), "/usr/local/bin", "/opt/homebrew/bin"],
    ...["/home/linuxbrew/.linuxbrew/bin", join("/home/u", ".npm-global", "bin"), join("/home/u", ".bun", "bin")],
    ...[join("/home/u", ".volta", "bin"), "/usr/bin"],
  ];

  it.each(["linux", "darwin"] as const)("on %s are the PATH's, then the usual ones", (platform) => {
    const environment = { PATH: ["/a", "", "/b"].join(delimiter), HOME: "/home/u" };
    const expected = ["/a", "/b", ...unix].map((directory) => join(directory, "claude"));
    expect(candidates(environment, platform)).toEqual(expected);
  });

  it("are named once each, at their first place", () => {
    const found = candidates({ PATH: ["/usr/bin", "/a", "/a"].join(delimiter), HOME: "/home/u" }, "linux");
    const expected = ["/usr/bin", "/a", ...unix.slice(0, -1)].map((directory) => join(directory, "claude"));
    expect(found).toEqual(expected);
  });

  it.each(["Path", "PATH"])("on Windows are programs and shims in the directories of %s and of npm", (name) => {
    const home = "C:\\Users\\u";
    const environment = { [name]: "C:\\a;;C:\\b", USERPROFILE: home, APPDATA: "C:\\Roaming", HOME: "/ignored" };
    const usual = [join(home, ".local", "bin"), join("C:\\Roaming", "npm"), join(home, ".claude", "local")];
    const expected = ["C:\\a", "C:\\b", ...usual].flatMap((directory) => [
      join(directory, "claude.exe"),
      join(directory, "claude.cmd"),
    ]);
    expect(candidates(environment, "win32")).toEqual(expected);
  });
});

describe("a place that is no absolute path", () => {
  it.each(["linux", "win32"] as const)("is not looked at on %s", (platform) => {
    const absolute = platform === "win32" ? /^[A-Z]:\\/ : /^\//;
    const environment = { PATH: platform === "win32" ? "C:\\a;b;." : "/a:b:." };
    expect(candidates(environment, platform).filter((path) => !absolute.test(path))).toEqual([]);
  });
});

describe("unwrapShim", () => {
  it.each([
    ["npm's for a program", EXE_SHIM, ["bin", "claude.exe"]],
    ["npm's for a script", JS_SHIM, ["cli.js"]],
    ["an older npm's", OLD_SHIM, ["cli.js"]],
    ["one for a .cjs script", JS_SHIM.replace("cli.js", "cli.cjs"), ["cli.cjs"]],
  ])("finds the program behind %s", async (_kind, text, program) => {
    const directory = scratchDirectory();
    const expected = join(directory, "node_modules", "@anthropic-ai", "claude-code", ...program);
    expect(await unwrapShim(place(join(directory, "claude.cmd"), text))).toBe(expected);
  });

  it.each([
    ["names nothing", "@ECHO off\r\n"],
    ["names node alone", '@"%~dp0\\node.exe" %*\r\n'],
  ])("finds nothing behind one that %s", async (_kind, text) => {
    expect(await unwrapShim(place(join(scratchDirectory(), "claude.cmd"), text))).toBeUndefined();
  });
});

describe.skipIf(process.platform === "win32")("locate", () => {
  it("takes the given path", async () => {
    const path = place(join(scratchDirectory(), "my claude"), CLAUDE);
    expect(await locate(path, {})).toEqual({ command: path, prefix: [], path, version: "2.1.330" });
  });

  it("takes the first of the PATH", async () => {
    const directory = scratchDirectory();
    const first = place(join(directory, "a", "claude"), CLAUDE);
    place(join(directory, "b", "claude"), printing("2.1.999 (Claude Code)"));
    const PATH = [join(directory, "none"), join(directory, "a"), join(directory, "b")].join(":");
    expect(await locate(undefined, { PATH, HOME: directory })).toMatchObject({ path: first, version: "2.1.330" });
  });

  it("looks in the usual places after the PATH", async () => {
    const directory = scratchDirectory();
    const path = place(join(directory, ".local", "bin", "claude"), CLAUDE);
    expect(await locate(undefined, { PATH: join(directory, "none"), HOME: directory })).toMatchObject({ path });
  });

  it("passes over a file that cannot be executed", async () => {
    const directory = scratchDirectory();
    place(join(directory, "claude"), CLAUDE, 0o644);
    const path = place(join(directory, ".local", "bin", "claude"), CLAUDE);
    expect(await locate(undefined, { PATH: directory, HOME: directory })).toMatchObject({ path });
  });

  it("asks for the version in the given environment, without an update on the way", async () => {
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
  ])("refuses version %s as too old", async (version) => {
    const path = place(join(scratchDirectory(), "claude"), printing(`${version} (Claude Code)`));
    const expected = `Claude Code ${version} at '${path}' is too old: at least ${MINIMUM_VERSION} is needed. Run 'claude update'.`;
    await expect(locate(path, {})).rejects.toMatchObject({ status: 500, type: "api_error", message: expected });
  });

  it.each([
    ["says something else", printing("claude 1.0"), "'--version' does not name Claude Code"],
    ["says nothing", "#!/bin/sh\n", "'--version' does not name Claude Code"],
    ["fails", "#!/bin/sh\nexit 3\n", "Command failed"],
    ["is no program at all", "", "ENOEXEC|'--version' does not name Claude Code"],
  ])("refuses a program that %s", async (_how, script, reason) => {
    const path = place(join(scratchDirectory(), "claude"), script);
    const refused = await locate(path, {}).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      status: 500,
      message: expect.stringContaining(`'${path}' does not run as Claude`),
    });
    expect((refused as Error).message).toMatch(
      new RegExp(`Code: .*(${reason}).*\\. Mend the path, or install Claude Code`),
    );
  });

  it("tells of a given path where nothing is, and looks nowhere else", async () => {
    const directory = scratchDirectory();
    place(join(directory, "claude"), CLAUDE);
    const missing = join(directory, "missing");
    const refused = locate(missing, { PATH: directory, HOME: directory });
    const message = expect.stringContaining(`'${missing}' does not run as Claude Code: no such file.`);
    await expect(refused).rejects.toMatchObject({ status: 500, message });
  });
});

describe.skipIf(process.platform === "win32")("a directory that is named like the CLI", () => {
  it("is passed over", async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "a", "claude"), { recursive: true });
    const path = place(join(directory, "b", "claude"), CLAUDE);
    const PATH = `${join(directory, "a")}:${join(directory, "b")}`;
    expect(await locate(undefined, { PATH, HOME: directory })).toMatchObject({ path });
  });
});

describe.skipIf(process.platform === "win32")("locate for Windows", () => {
  /** An installation by npm in a scratch directory, as far as it can be had on another system. */
  function installation(shim: string, program: string) {
    const directory = scratchDirectory();
    const path = place(join(directory, "claude.cmd"), shim);
    const installed = join(directory, "node_modules", "@anthropic-ai", "claude-code", program);
    return { directory, path, installed, environment: { Path: directory, USERPROFILE: directory, APPDATA: directory } };
  }

  it("starts the program behind a shim directly", async () => {
    const { path, installed, environment } = installation(EXE_SHIM, "bin/claude.exe");
    place(installed, CLAUDE);
    const expected = { command: installed, prefix: [], path, version: "2.1.330" };
    expect(await locate(undefined, environment, "win32")).toEqual(expected);
  });

  it("starts the script behind a shim with the node of the PATH", async () => {
    const { directory, path, installed, environment } = installation(JS_SHIM, "cli.js");
    const node = place(
      join(directory, "node.exe"),
      `#!/bin/sh\n[ -f "$1" ] && shift && echo "2.1.330 (Claude Code)"\n`,
    );
    place(installed, "");
    const expected = { command: node, prefix: [installed], path, version: "2.1.330" };
    expect(await locate(undefined, environment, "win32")).toEqual(expected);
  });

  it.each([
    ["it needs node.exe, which is not on the PATH", JS_SHIM],
    ["the shim does not name a program", "@ECHO off\r\n"],
  ])("refuses a shim: %s", async (reason, shim) => {
    const { path, environment } = installation(shim, "cli.js");
    const message = expect.stringContaining(`'${path}' does not run as Claude Code: ${reason}.`);
    await expect(locate(undefined, environment, "win32")).rejects.toMatchObject({ status: 500, message });
  });

  it("tells how to install what is nowhere to be found", async () => {
    const directory = scratchDirectory();
    const environment = { Path: directory, USERPROFILE: directory, APPDATA: directory };
    await expect(locate(undefined, environment, "win32")).rejects.toMatchObject({
      status: 500,
      type: "api_error",
      message: expect.stringMatching(/^Claude Code was not found\. Install Claude Code \(npm install -g /),
    });
  });
});
