import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ApiError } from "../../../src/api/errors.ts";
import { Launcher } from "../../../src/claude/launcher.ts";
import type { Spawn } from "../../../src/claude/process/cliProcess.ts";
import { fakeCli } from "../../support/fakeCli.ts";
import { scratchHome } from "../../support/harness.ts";

/** The file system call that fails, for paths with this end, and its error. */
const failing = vi.hoisted(() => ({ call: "", path: "", code: "" }));

vi.mock("node:fs/promises", async (original) => {
  const real: Record<string, unknown> = await original();
  const wrapped = Object.entries(real).map(([name, call]) => {
    if (typeof call !== "function") return [name, call];
    const modAsked = (...args: unknown[]) => {
      if (name === failing.call && String(args[0]).includes(failing.path)) {
        return Promise.reject(Object.assign(new Error(`${name} ${failing.code}`), { code: failing.code }));
      }
      return call(...args);
    };
    return [name, modAsked];
  });
  return Object.fromEntries(wrapped);
});

afterEach(() => Object.assign(failing, { call: "", path: "", code: "" }));

const systemError = (code: string) => Object.assign(new Error(`spawn ${code}`), { code });
const warnings: string[] = [];
const quiet = () => {};
const logger = {
  error: quiet,
  warn: (line: string) => void warnings.push(line),
  info: quiet,
  debug: quiet,
  trace: quiet,
};

async function launcherIn(start?: Spawn, pause: (milliseconds: number) => Promise<void> = async () => {}) {
  const scratch = await scratchHome();
  const dataDir = join(scratch.home, "data");
  const claudePath = await fakeCli(scratch.home, "() => false");
  const environment: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: scratch.home };
  const options = { claudePath, dataDir, environment, extraEnvironment: {}, transport: "overlay" as const };
  const launcher = new Launcher(options, { logger, hide: () => {}, pause, ...(start && { spawn: start }) });
  const launch = async () => {
    const worker = await launcher.launch({ transport: "overlay" });
    await worker.initialize("");
    await worker.stop();
  };
  onTestFinished(async () => {
    launcher.close();
    await scratch[Symbol.asyncDispose]();
  });
  return { launch, dataDir, home: scratch.home, claudePath, environment };
}

/** Makes launches fail until `mend` is called. */
async function expectFailure(launch: () => Promise<void>, expected: object, mend: () => unknown): Promise<void> {
  const error = await launch().catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject(expected);
  await mend();
  await launch();
}

const SCARCE = { status: 529, type: "overloaded_error", headers: { "retry-after": "2" } };
const FAILED = { status: 500, type: "api_error", message: expect.stringContaining("could not be started") };

describe.skipIf(process.platform === "win32")(
  "a start with a failing step is reported, and the next one succeeds:",
  () => {
    it.each<[call: string, path: string, code: string, expected: object]>([
      ["mkdir", "empty", "ENOSPC", FAILED],
      ["mkdir", "one-call", "ENOSPC", FAILED],
      ["open", "one-call", "EMFILE", SCARCE],
      ["rename", "one-call", "EACCES", FAILED],
      ["readFile", "settings.json", "EMFILE", SCARCE],
    ])("%s of %s: %s", async (call, path, code, expected) => {
      const { launch } = await launcherIn();
      Object.assign(failing, { call, path, code });
      await expectFailure(launch, expected, () => Object.assign(failing, { call: "" }));
    });

    it.each([
      ["EMFILE", SCARCE],
      ["ENOMEM", SCARCE],
      ["EPERM", FAILED],
    ])("spawn throws %s", async (code, expected) => {
      let isScarce = true;
      const { launch } = await launcherIn((...args) => {
        if (isScarce) throw systemError(code);
        return spawn(...args);
      });
      await expectFailure(launch, expected, () => {
        isScarce = false;
      });
    });

    it.each([
      ["EMFILE", SCARCE],
      ["ENOENT", FAILED],
    ])("spawn returns a child without pipes: %s", async (code, expected) => {
      let isScarce = true;
      const { launch } = await launcherIn((...args) => {
        if (!isScarce) return spawn(...args);
        const child = Object.assign(new EventEmitter(), { pid: undefined, kill: () => false, unref: () => {} });
        process.nextTick(() => child.emit("error", systemError(code)));
        return child as unknown as ChildProcess;
      });
      await expectFailure(launch, expected, () => {
        isScarce = false;
      });
    });
  },
);

describe.skipIf(process.platform === "win32")("a start", () => {
  it("waits once for a CLI that has vanished", async () => {
    let pauses = 0;
    const pause = async () => void pauses++;
    const { launch, claudePath } = await launcherIn(undefined, pause);
    await expect(launch()).resolves.toBeUndefined();
    expect(pauses).toBe(0);
    await rm(claudePath);
    const gone = { details: { error_code: "cli_unusable" }, message: expect.stringContaining("no such file") };
    await expect(launch()).rejects.toMatchObject(gone);
    const waited = pauses;
    expect(waited).toBeGreaterThan(0);
    await expect(launch()).rejects.toMatchObject(gone);
    expect(pauses).toBe(waited);
  });

  it("uses a CLI that an update restores, within the time npm needs", async () => {
    let waited = 0;
    const pause = async (milliseconds: number) => {
      waited += milliseconds;
      if (waited >= 45_000) await rename(`${claudePath}.away`, claudePath);
    };
    const { launch, claudePath } = await launcherIn(undefined, pause);
    await launch();
    await rename(claudePath, `${claudePath}.away`);
    await launch();
    expect(warnings.at(-1)).toMatch(/no such file.* Waiting for an update to put it back, for up to 60 s\.$/);
  });

  it("names the variable of an unusable directory", async () => {
    const { launch, home, environment } = await launcherIn();
    await writeFile(join(home, "file"), "");
    environment.TMPDIR = join(home, "file", "tmp");
    const message = `Claude Code could not be started: TMPDIR is '${environment.TMPDIR}', which is not a directory. Set TMPDIR to a directory that this user may write to.`;
    await expect(launch()).rejects.toMatchObject({ details: { error_code: "cli_environment" }, message });
    environment.TMPDIR = join(home, "new", "tmp");
    await launch();
  });

  it("warns about a home directory that does not exist", async () => {
    const { launch, home, environment } = await launcherIn();
    environment.HOME = join(home, "none");
    await launch();
    expect(warnings.at(-1)).toContain(`HOME is '${environment.HOME}', which does not exist`);
  });

  it("recreates a missing data directory", async () => {
    const { launch, dataDir } = await launcherIn();
    await launch();
    await rm(dataDir, { recursive: true });
    await launch();
  });

  it("names the data directory if a file is in its place", async () => {
    const { launch, dataDir } = await launcherIn();
    await writeFile(dataDir, "");
    const message = expect.stringContaining(`the data directory is '${dataDir}', which is not a directory`);
    await expect(launch()).rejects.toMatchObject({ ...FAILED, message });
  });

  it("names the data directory if the disk is full", async () => {
    const { launch, dataDir } = await launcherIn();
    Object.assign(failing, { call: "open", path: "one-call", code: "ENOSPC" });
    const message = expect.stringContaining(`the data directory is '${dataDir}', which is on a full disk`);
    await expect(launch()).rejects.toMatchObject({ ...FAILED, message });
  });

  it("works without a sign-in if the settings are not JSON", async () => {
    const { launch, home } = await launcherIn();
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(home, ".claude"));
    await writeFile(join(home, ".claude/settings.json"), "{");
    await launch();
    expect(warnings.at(-1)).toContain("is not a JSON object");
  });
});
