import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unwrapShim } from "../../../../src/claude/locate/invocation.ts";
import { locate } from "../../../../src/claude/locate/locate.ts";
import { place, scratchDirectory } from "../../../support/scratch.ts";

const CLAUDE = `#!/bin/sh\n[ "$*" = --version ] && echo '2.1.330 (Claude Code)'\n`;
const PACKAGE = "node_modules\\@anthropic-ai\\claude-code";
const HEAD = ["@ECHO off", "GOTO start", ":find_dp0", "SET dp0=%~dp0", "EXIT /b", ":start", "SETLOCAL"];
/** npm's shim for a package whose `bin` is a program. */
const EXE_SHIM = [...HEAD, "CALL :find_dp0", `"%dp0%\\${PACKAGE}\\bin\\claude.exe"   %*`, ""].join("\r\n");
/** npm's shim for a package whose `bin` is a Node script. */
const JS_SHIM = [
  ...[...HEAD, "CALL :find_dp0", "", 'IF EXIST "%dp0%\\node.exe" (', '  SET "_prog=%dp0%\\node.exe"', ") ELSE ("],
  ...['  SET "_prog=node"', "  SET PATHEXT=%PATHEXT:;.JS;=;%", ")", ""],
  `endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%"  "%dp0%\\${PACKAGE}\\cli.js" %*`,
  "",
].join("\r\n");
/** The shim of older npm versions. */
const OLD_SHIM = [
  ...[
    '@IF EXIST "%~dp0\\node.exe" (',
    `  "%~dp0\\node.exe"  "%~dp0\\${PACKAGE}\\cli.js" %*`,
    ") ELSE (",
    "  @SETLOCAL",
  ],
  ...["  @SET PATHEXT=%PATHEXT:;.JS;=;%", `  node  "%~dp0\\${PACKAGE}\\cli.js" %*`, ")", ""],
].join("\r\n");

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

describe.skipIf(process.platform === "win32")("locate for Windows", () => {
  /** An npm installation in a scratch directory, as far as another system allows. */
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
    expect(await locate(undefined, environment, "win32")).toMatchObject(expected);
  });

  it("starts the script behind a shim with the PATH's node", async () => {
    const { directory, path, installed, environment } = installation(JS_SHIM, "cli.js");
    const node = place(
      join(directory, "node.exe"),
      `#!/bin/sh\n[ -f "$1" ] && shift && echo "2.1.330 (Claude Code)"\n`,
    );
    place(installed, "");
    const expected = { command: node, prefix: [installed], path, version: "2.1.330" };
    expect(await locate(undefined, environment, "win32")).toMatchObject(expected);
  });

  it.each([
    ["it needs node.exe, which is not on the PATH", JS_SHIM],
    ["the shim does not name a program", "@ECHO off\r\n"],
  ])("rejects a shim: %s", async (reason, shim) => {
    const { path, environment } = installation(shim, "cli.js");
    const message = expect.stringContaining(`'${path}' does not run as Claude Code: ${reason}.`);
    await expect(locate(undefined, environment, "win32")).rejects.toMatchObject({ status: 500, message });
  });

  it("says how to install a missing CLI", async () => {
    const directory = scratchDirectory();
    const environment = { Path: directory, USERPROFILE: directory, APPDATA: directory };
    await expect(locate(undefined, environment, "win32")).rejects.toMatchObject({
      status: 500,
      type: "api_error",
      message: expect.stringMatching(/^Claude Code was not found\. Install it \(npm install -g /),
    });
  });
});
