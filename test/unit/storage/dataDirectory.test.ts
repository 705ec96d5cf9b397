import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DataDirectory, type Store } from "../../../src/storage/dataDirectory.ts";
import { Lock } from "../../../src/storage/lock.ts";
import { recordingLogger } from "../../support/recordingLogger.ts";
import { silentLogger } from "../../support/silentLogger.ts";
import { startContender } from "./contender.ts";

let root: string;
let path: string;
const opened: DataDirectory[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "claude-virtual-api-directory-"));
  path = root;
});
afterEach(async () => {
  for (const directory of opened.splice(0)) await directory.close();
  await rm(root, { recursive: true });
});

/** Creates a data directory that is closed at the end of the test. */
function aDirectory(stores: Store[] = [], logger = silentLogger): DataDirectory {
  const directory = new DataDirectory(path, logger);
  for (const store of stores) directory.addStore(store);
  opened.push(directory);
  return directory;
}

async function open(...stores: Store[]): Promise<DataDirectory> {
  const directory = aDirectory(stores);
  await directory.open();
  return directory;
}

const version = async () => JSON.parse(await readFile(join(path, "version.json"), "utf8"));
const ROOMS = ["batches", "drafts", "files", "lock", "usage", "version.json"];

describe("a data directory", () => {
  it("is created with its format and a permanent id", async () => {
    path = join(path, "not/yet/there");
    const first = await open();
    expect(first.isOwned).toBe(true);
    expect((await readdir(path)).sort()).toEqual(ROOMS);
    expect(await version()).toEqual({ format: 1, id: first.id });
    expect(first.id).toMatch(/^[0-9a-f-]{36}$/);
    await first.close();
    expect((await open()).id).toBe(first.id);
  });

  it("logs a handover within one process, as at a restart, without a warning", async () => {
    const log: string[] = [];
    const first = await open();
    const second = aDirectory(
      [],
      recordingLogger(log, (level) => `${level}:`),
    );
    await second.open();
    expect(log).toEqual([expect.stringMatching(/^info: .* until the previous server has stopped/)]);
    await first.close();
    await second.requireOwned();
    expect(log.slice(1)).toEqual([expect.stringMatching(/^info: files and batches can be written again/)]);
  });

  it("with a later format is rejected and not changed", async () => {
    await writeFile(join(path, "version.json"), '{"format":2,"id":"an-id"}');
    const later = `${path} was written by a later version (format 2). Update Claude Virtual API, or choose another`;
    await expect(open()).rejects.toThrow(later);
    expect(await readdir(path)).toEqual(["version.json"]);
    expect(await version()).toEqual({ format: 2, id: "an-id" });
  });

  it.each(["", "{ torn", "null", "[]", '{"format":"1","id":"x"}', '{"format":1}'])(
    "is rejected and not changed if version.json is %j",
    async (text) => {
      await writeFile(join(path, "version.json"), text);
      await expect(open()).rejects.toThrow(/version\.json cannot be read\. Repair the file, or choose another/);
      expect(await readdir(path)).toEqual(["version.json"]);
      expect(await readFile(join(path, "version.json"), "utf8")).toBe(text);
    },
  );

  it("keeps its id when version.json cannot be opened", async () => {
    await mkdir(join(path, "version.json"));
    await expect(open()).rejects.toMatchObject({ code: "EISDIR" });
  });

  it("that is a file is rejected", async () => {
    path = join(path, "file");
    await writeFile(path, "");
    const message = `The data directory is '${path}', which is not a directory. Choose another one.`;
    await expect(open()).rejects.toMatchObject({ message, cause: { code: "EEXIST" } });
  });

  it("loses only its drafts when it is opened", async () => {
    await (await open()).close();
    await mkdir(join(path, "drafts/file_half/deep"), { recursive: true });
    await writeFile(join(path, "drafts/file_half/deep/content"), "half");
    await mkdir(join(path, "files/file_whole"));
    await open();
    expect(await readdir(join(path, "drafts"))).toEqual([]);
    expect(await readdir(join(path, "files"))).toEqual(["file_whole"]);
  });
});

describe("a second server", () => {
  it("can read, gets the owner's pid when it writes, and changes nothing", async () => {
    await open();
    await writeFile(join(path, "drafts/under-way"), "half");
    const second = await open();
    expect(second.isOwned).toBe(false);
    await expect(second.requireOwned()).rejects.toMatchObject({
      status: 409,
      type: "conflict_error",
      message: expect.stringContaining(`${path} is in use by another server (process ${process.pid})`),
    });
    expect(await readdir(join(path, "drafts"))).toEqual(["under-way"]);
  });

  it("becomes the owner when the first one closes, and then performs waiting writes", async () => {
    const first = await open();
    const second = await open();
    const allowed = second.requireOwned();
    await first.close();
    await allowed;
    expect([first.isOwned, second.isOwned]).toEqual([false, true]);
    expect((await open()).isOwned).toBe(false);
  });

  it("becomes the owner when the first one is killed", async () => {
    await using other = startContender();
    expect(await other.take(path)).toBe("ours");
    const directory = await open();
    expect(directory.isOwned).toBe(false);
    await other.kill();
    await vi.waitUntil(() => directory.isOwned, { timeout: 30_000 });
    expect((await readdir(path)).sort()).toEqual(ROOMS);
  });

  it("keeps trying after a failure, which it logs once", async () => {
    const first = await open();
    const error = vi.fn();
    const second = aDirectory([], { ...silentLogger, error });
    await second.open();
    const acquire = vi.spyOn(Lock.prototype, "acquire").mockRejectedValue(new Error("no space left"));
    await vi.waitUntil(() => acquire.mock.calls.length === 2, { timeout: 30_000 });
    acquire.mockRestore();
    await first.close();
    await vi.waitUntil(() => second.isOwned, { timeout: 30_000 });
    expect(error.mock.calls).toEqual([["storage: no space left"]]);
  });

  it("leaves the directory to the first one when it closes", async () => {
    const first = await open();
    await (await open()).close();
    expect(first.isOwned).toBe(true);
    expect((await open()).isOwned).toBe(false);
  });

  it("rejects waiting writes when it closes", async () => {
    await open();
    const second = await open();
    const waiting = expect(second.requireOwned()).rejects.toMatchObject({ status: 409 });
    await second.close();
    await waiting;
  });
});

describe("a store", () => {
  it("is started before the first write, and stopped before the next owner's", async () => {
    const seen: unknown[] = [];
    const note = (what: string) => async () => void seen.push([what, first.isOwned, (await readdir(path)).sort()]);
    const first = aDirectory([{ onAcquire: note("in"), onRelease: note("out") }]);
    await first.open();
    await first.close();
    expect(seen).toEqual([
      ["in", false, ROOMS],
      ["out", true, ROOMS],
    ]);
    expect((await readdir(path)).sort()).toEqual(ROOMS.filter((name) => name !== "lock"));
  });

  it("that fails to start lets another process become the owner", async () => {
    const onRelease = vi.fn();
    const broken = { onAcquire: () => Promise.reject(new Error("no room")), onRelease };
    await expect(open(broken)).rejects.toThrow("no room");
    expect(onRelease).toHaveBeenCalledTimes(1);
    expect((await open()).isOwned).toBe(true);
  });
});
