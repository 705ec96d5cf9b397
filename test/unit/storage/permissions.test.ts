import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { installMod } from "../../../src/claude/process/modFiles.ts";
import { ONE_CALL_MOD, ONE_STEP_MOD } from "../../../src/claude/transport/overlay/oneCallMod.ts";
import { COUNT_MOD } from "../../../src/claude/transport/rewrite/countMod.ts";
import { REWRITE_MOD } from "../../../src/claude/transport/rewrite/rewriteMod.ts";
import { DataDirectory } from "../../../src/storage/dataDirectory.ts";
import { Secret } from "../../../src/storage/secret.ts";
import { modesIn } from "../../support/modes.ts";
import { place, scratchDirectory } from "../../support/scratch.ts";
import { silentLogger } from "../../support/silentLogger.ts";

let path: string;
beforeEach(() => {
  path = join(scratchDirectory(), "data");
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
});

const UUID = "8c1d7a52-1111-4222-8333-944455566677";

async function open(warn = vi.fn()) {
  const directory = new DataDirectory(path, { ...silentLogger, warn });
  await directory.open();
  onTestFinished(() => directory.close());
  return { directory, warn };
}

/** Creates what an older version left, without restricted modes. */
function oldDirectory(): void {
  mkdirSync(path, { mode: 0o755 });
  place(join(path, "version.json"), '{"format":1,"id":"an-id"}', 0o644);
  place(join(path, "files/file_1/content"), "secret", 0o644);
  place(join(path, "batches/msgbatch_1/results.jsonl"), "secret", 0o644);
  place(join(path, "usage/2026-11-25.json"), "{}", 0o644);
  place(join(path, "results/msgbatch_1.jsonl"), "secret", 0o644);
  place(join(path, "api-key"), "a key", 0o644);
  place(join(path, "one-call/hooks/register.js"), "code", 0o666);
}

/** Every mod that the launcher writes into the data directory. */
const MODS = [COUNT_MOD, ONE_CALL_MOD, ONE_STEP_MOD, REWRITE_MOD];

const mode = (name: string) => lstatSync(join(path, name)).mode & 0o777;

describe("a data directory", () => {
  it.each([0o000, 0o022, 0o077])("is accessible to its owner only, under umask %i", async (umask) => {
    process.umask(umask);
    await open();
    await installMod(path, ONE_CALL_MOD);
    expect(modesIn(path)).toEqual({ directories: [0o700], files: [0o600] });
  });

  it("of an older version becomes private", async () => {
    oldDirectory();
    const { warn } = await open();
    await installMod(path, ONE_CALL_MOD);
    expect(modesIn(path)).toEqual({ directories: [0o700], files: [0o600] });
    expect(warn).not.toHaveBeenCalled();
  });

  it("keeps the mode of a secret that others could read, so that it is replaced", async () => {
    oldDirectory();
    const exposed = "ab".repeat(32);
    place(join(path, "secret"), exposed, 0o644);
    await open();
    const secret = await new Secret(path).read();
    expect(secret.toString("hex")).not.toBe(exposed);
    expect(mode("secret")).toBe(0o600);
  });

  it("becomes private in the next run if the last one was interrupted", async () => {
    oldDirectory();
    // its own mode is changed first, that of each directory in it after its content
    for (const name of [".", "files/file_1"]) chmodSync(join(path, name), 0o700);
    chmodSync(join(path, "files/file_1/content"), 0o600);
    await open();
    expect(modesIn(path)).toEqual({ directories: [0o700], files: [0o600] });
  });

  it("does not change the targets of links, nor hard-linked files", async () => {
    oldDirectory();
    const outside = place(join(path, "../outside/file"), "kept", 0o644);
    mkdirSync(join(path, "files/file_2"));
    symlinkSync(outside, join(path, "files/file_2/content"));
    symlinkSync(join(path, "../outside"), join(path, "files/file_3"));
    linkSync(outside, join(path, "files/file_2/other"));
    await open();
    expect([statSync(outside).mode & 0o777, statSync(join(path, "../outside")).mode & 0o777]).toEqual([0o644, 0o777]);
    expect(mode("files/file_1/content")).toBe(0o600);
  });

  it("that holds unrelated files keeps its mode, while our files become private", async () => {
    oldDirectory();
    place(join(path, "photos/one.jpg"), "", 0o644);
    const { warn } = await open();
    expect([mode("."), mode("photos/one.jpg"), mode("files"), mode("version.json")]).toEqual([
      0o755, 0o644, 0o700, 0o600,
    ]);
    expect(warn.mock.calls).toEqual([[expect.stringContaining("other users can read")]]);
  });

  it("that holds unrelated files and is writable by others is rejected", async () => {
    place(join(path, "photos/one.jpg"), "");
    chmodSync(path, 0o1777);
    await expect(open()).rejects.toThrow(`Other users can write to ${path}`);
    expect(readdirSync(path)).toEqual(["photos"]);
    expect(statSync(path).mode & 0o7777).toBe(0o1777);
  });

  it("stays its own with the mods in it", async () => {
    for (const mod of MODS) await installMod(path, mod);
    chmodSync(path, 0o755);
    await open();
    expect(mode(".")).toBe(0o700);
  });

  it("of another user is rejected, and the mod is not written there", async () => {
    oldDirectory();
    const real = process.getuid?.() ?? 0;
    vi.spyOn(process, "getuid").mockReturnValue(real + 1);
    onTestFinished(() => void vi.restoreAllMocks());
    const refusal = `belongs to another user (uid ${real}). Choose another data directory`;
    await expect(open()).rejects.toThrow(`${path} ${refusal}`);
    await expect(installMod(path, ONE_CALL_MOD)).rejects.toThrow(refusal);
    expect(mode("one-call/hooks/register.js")).toBe(0o666);
    expect(existsSync(join(path, "lock"))).toBe(false);
  });
});

describe("a start", () => {
  it("removes only the drafts of a killed process", async () => {
    const drafts = [
      `.version.json.${UUID}`,
      `.self-check.json.${UUID}`,
      `lock.${UUID}`,
      `usage/.2026-11-25.json.${UUID}`,
      `batches/msgbatch_1/.batch.json.${UUID}`,
      `one-call/hooks/register.js.${UUID}`,
      ...MODS.map(({ name }) => `${name}/.claude-plugin/.plugin.json.${UUID}`),
      `drafts/${UUID}/content`,
    ];
    const kept = ["usage/2026-11-25.json", "usage/2026-11-24.unreadable-1.json", "batches/msgbatch_1/results.jsonl"];
    for (const name of [...drafts, ...kept]) place(join(path, name), "");
    await open();
    expect(drafts.filter((name) => existsSync(join(path, name)))).toEqual([]);
    expect(kept.filter((name) => !existsSync(join(path, name)))).toEqual([]);
  });
});
