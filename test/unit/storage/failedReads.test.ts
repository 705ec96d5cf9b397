import { chmodSync } from "node:fs";
import { open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { BatchStore } from "../../../src/batches/store.ts";
import { readManagedSettings } from "../../../src/claude/signIn/managedSettings.ts";
import { FileStore } from "../../../src/files/store.ts";
import { DataDirectory } from "../../../src/storage/dataDirectory.ts";
import { Lock } from "../../../src/storage/lock.ts";
import { restrictContents } from "../../../src/storage/permissions.ts";
import { Quota } from "../../../src/storage/quota.ts";
import { Ledger } from "../../../src/usage/ledger.ts";
import { place, scratchDirectory } from "../../support/scratch.ts";
import { silentLogger } from "../../support/silentLogger.ts";

vi.mock("node:fs/promises", { spy: true });

const FILE = {
  ...{ type: "file", id: "file_1", filename: "a.txt", mime_type: "text/plain", size_bytes: 5, downloadable: false },
  ...{ created_at: "2026-11-26T00:00:00.000Z", expires_at: null },
};
const BATCH = {
  ...{ id: "msgbatch_1", processing_status: "ended", total: 1, api_version: "2023-06-01", betas: [] },
  ...{ created_at: "2026-11-26T00:00:00.000Z", expires_at: "2026-11-27T00:00:00.000Z" },
  ...{ ended_at: "2026-11-26T00:00:00.000Z", cancel_initiated_at: null, archived_at: null },
  counts: { succeeded: 1, errored: 0, canceled: 0, expired: 0 },
};

const failure = (code: string) => Object.assign(new Error(`${code}: some words`), { code });

let path: string;
beforeEach(() => {
  path = scratchDirectory();
  place(join(path, "files/file_1/meta.json"), JSON.stringify(FILE));
  place(join(path, "files/file_1/content.txt"), "Hello");
  place(join(path, "batches/msgbatch_1/batch.json"), JSON.stringify(BATCH));
  place(join(path, "batches/msgbatch_1/results.jsonl"), "{}\n");
  place(join(path, "usage/2026-11-26.json"), "{}");
});

/** Stores of a directory that another process owns, so that each call reads the disk. */
function stores() {
  const directory = new DataDirectory(path, silentLogger);
  return {
    files: new FileStore(directory, new Quota(0), 0, silentLogger),
    batches: new BatchStore(directory, new Quota(0), silentLogger),
    ledger: new Ledger(directory, silentLogger),
  };
}

type Stores = ReturnType<typeof stores>;

describe.each([
  ["EMFILE", 529],
  ["ENFILE", 529],
  ["EACCES", 500],
  ["EPERM", 500],
  ["EIO", 500],
])("%s", (code, status) => {
  it.each<[string, typeof readdir | typeof readFile | typeof open | typeof stat, (stores: Stores) => Promise<unknown>]>(
    [
      ["the directory of files", readdir, ({ files }) => files.list()],
      ["a file of the list", readFile, ({ files }) => files.list()],
      ["a file's metadata", readFile, ({ files }) => files.get("file_1")],
      ["a file's content", readFile, ({ files }) => files.content(FILE as never)],
      ["the directory of batches", readdir, ({ batches }) => batches.list()],
      ["a batch of the list", readFile, ({ batches }) => batches.list()],
      ["a batch's record", readFile, ({ batches }) => batches.get("msgbatch_1")],
      ["a batch's results", open, ({ batches }) => batches.readResults("msgbatch_1")],
      ["a batch's size", stat, ({ batches }) => batches.sizeOf("msgbatch_1")],
      ["the days with usage", readdir, ({ ledger }) => ledger.days()],
      ["a day's usage", readFile, ({ ledger }) => ledger.usageOf("2026-11-26")],
    ],
  )("of %s is an error with its cause, not something missing", async (_name, call, read) => {
    const cause = failure(code);
    vi.mocked(call as typeof readFile).mockRejectedValueOnce(cause);
    await expect(read(stores())).rejects.toMatchObject({ status, cause });
    await read(stores()).catch((error) => expect(error).toMatchObject({ status: 404 }));
  });
});

it("starts with the files and batches that can be read, and logs the others", async () => {
  const error = vi.fn();
  const directory = new DataDirectory(path, { ...silentLogger, error });
  const files = new FileStore(directory, new Quota(0), 0, { ...silentLogger, error });
  directory.addStore(files);
  place(join(path, "files/file_2/meta.json"), JSON.stringify({ ...FILE, id: "file_2" }));
  place(join(path, "version.json"), '{"format":1,"id":"an-id"}');
  const { readFile: real } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
  vi.mocked(readFile).mockImplementation(async (file, options) => {
    if (String(file).includes("file_2")) throw failure("EIO");
    return real(file, options);
  });
  await directory.open();
  expect(error.mock.calls).toEqual([["files: file_2 cannot be read: EIO: some words"]]);
  await expect(files.list()).rejects.toMatchObject({ status: 500 });
  vi.mocked(readFile).mockImplementation(real);
  expect((await files.list()).map(({ id }) => id).sort()).toEqual(["file_1", "file_2"]);
  await directory.close();
});

it("logs what it cannot make private, and goes on", async () => {
  const warn = vi.fn();
  chmodSync(join(path, "batches"), 0o755);
  chmodSync(join(path, "usage/2026-11-26.json"), 0o644);
  vi.mocked(readdir).mockRejectedValueOnce(failure("EACCES"));
  await restrictContents(path, { ...silentLogger, warn });
  expect(warn.mock.calls).toEqual([[`storage: other users may have access below ${path}: EACCES: some words`]]);
  expect((await stat(join(path, "usage/2026-11-26.json"))).mode & 0o777).toBe(0o600);
});

describe("a living owner is not taken for dead", () => {
  it.runIf(process.platform === "linux")("when no file handle is left to look at its process", async () => {
    const [first, second] = [new Lock(path), new Lock(path)];
    await first.acquire();
    const { readFile: real } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
    let isLooking = false;
    vi.mocked(readFile).mockImplementation(async (file, options) => {
      if (String(file).endsWith("lock")) isLooking = true;
      if (isLooking && String(file).startsWith("/proc")) throw failure("EMFILE");
      return real(file, options);
    });
    await expect(second.acquire()).rejects.toMatchObject({ code: "EMFILE" });
    vi.mocked(readFile).mockImplementation(real);
    expect(await second.acquire()).toMatchObject({ pid: process.pid });
    await first.release();
  });

  it("when its file cannot be looked at for long", async () => {
    const time = { monotonic: 0, wall: Date.now() };
    const lock = new Lock(path, 5000, { monotonic: () => time.monotonic, wall: () => time.wall });
    const owner = { pid: 1, since: Date.now(), started: null, nonce: "n", place: "another-host pid:[1]" };
    await writeFile(join(path, "lock"), JSON.stringify(owner));
    for (let look = 0; look < 3; look++) {
      vi.mocked(stat).mockRejectedValueOnce(failure("EIO"));
      await expect(lock.acquire()).rejects.toMatchObject({ code: "EIO" });
      time.monotonic += 60_000;
    }
    expect(await lock.acquire()).toMatchObject(owner);
  });
});

it("does not take an organization's settings for missing when no file handle is left", async () => {
  for (const call of [readdir, readFile]) {
    vi.mocked(call as typeof readFile).mockRejectedValueOnce(failure("EMFILE"));
    await expect(readManagedSettings()).rejects.toMatchObject({ status: 529 });
  }
});
