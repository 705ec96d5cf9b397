import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiError, requestTooLarge } from "../../../src/api/errors.ts";
import { splitLines } from "../../../src/shared/lines.ts";
import { withStorageErrors, writeDurably } from "../../../src/storage/durable.ts";

let path: string;
let file: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "claude-virtual-api-durable-"));
  file = join(path, "state.json");
});
afterEach(() => rm(path, { recursive: true }));

const SIZE = 300_000;
/** The same letter throughout, so that a mixture is visible. */
const isWhole = (text: string) => text.length === SIZE && text === text.slice(0, 1).repeat(SIZE);

describe("writeDurably", () => {
  it("creates and replaces a file, and leaves no other", async () => {
    await writeDurably(file, "old\n");
    await writeDurably(file, "new: Grüße\n");
    expect(await readFile(file, "utf8")).toBe("new: Grüße\n");
    expect(await readdir(path)).toEqual(["state.json"]);
  });

  it("shows readers the old or the new content, never a part", async () => {
    await writeDurably(file, "a".repeat(SIZE));
    let writing = true;
    const writer = (async () => {
      for (const letter of "bcdefghijkl") await writeDurably(file, letter.repeat(SIZE));
      writing = false;
    })();
    const seen = new Set<string>();
    while (writing) {
      const text = await readFile(file, "utf8");
      expect(isWhole(text)).toBe(true);
      seen.add(text.slice(0, 1));
    }
    await writer;
    expect(seen.size).toBeGreaterThan(1);
    expect(await readdir(path)).toEqual(["state.json"]);
  });

  it("leaves a complete file whenever the process is killed", async () => {
    const module = new URL("../../../src/storage/durable.ts", import.meta.url).href;
    const script = `
      const { writeDurably } = await import(${JSON.stringify(module)});
      for (let at = 0; ; at = (at + 1) % 26) {
        await writeDurably(process.argv[1], String.fromCharCode(97 + at).repeat(${SIZE}));
        console.log(at);
      }`;
    for (let writes = 1; writes <= 5; writes++) {
      const child = spawn(process.execPath, ["--input-type=module", "--eval", script, file]);
      const exited = once(child, "exit");
      const done = splitLines(child.stdout);
      for (let write = 0; write < writes; write++) expect((await done.next()).done).toBe(false);
      child.kill("SIGKILL");
      await exited;
      expect(isWhole(await readFile(file, "utf8"))).toBe(true);
    }
  });

  it("leaves the old file, and no other, when it fails", async () => {
    await mkdir(file);
    await writeFile(join(file, "inside"), "kept");
    const failure = await writeDurably(file, "new").catch((error) => error);
    expect(failure).toBeInstanceOf(ApiError);
    expect(failure).toMatchObject({
      status: 500,
      type: "api_error",
      details: { error_code: "storage_failed" },
      headers: { "x-should-retry": "false" },
    });
    expect(await readdir(path)).toEqual(["state.json"]);
    expect(await readFile(join(file, "inside"), "utf8")).toBe("kept");
  });
});

describe("withStorageErrors", () => {
  const failing = (code: string) =>
    withStorageErrors(Promise.reject(Object.assign(new Error(`${code}: some words`), { code })));

  it.each([
    ["ENOSPC", "The disk is full."],
    ["EDQUOT", "The disk quota is used up."],
    ["EROFS", "The data directory is on a read-only disk."],
    ["EACCES", "This user may not write to the data directory."],
    ["EIO", "The data directory cannot be written to: EIO: some words."],
  ])("explains %s", async (code, words) => {
    await expect(failing(code)).rejects.toMatchObject({
      status: 500,
      message: `${words} Nothing was stored; what was stored before is kept.`,
    });
  });

  it("passes on ApiErrors and results", async () => {
    const apiError = requestTooLarge("1 MB");
    await expect(withStorageErrors(Promise.reject(apiError))).rejects.toBe(apiError);
    expect(await withStorageErrors(Promise.resolve(5))).toBe(5);
  });
});
