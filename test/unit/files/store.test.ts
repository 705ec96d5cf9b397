import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { timeIn } from "../../../src/api/ids.ts";
import { FileStore } from "../../../src/files/store.ts";
import type { Logger } from "../../../src/shared/logger.ts";
import { DataDirectory } from "../../../src/storage/dataDirectory.ts";
import { Quota } from "../../../src/storage/quota.ts";
import { silentLogger } from "../../support/silentLogger.ts";

const DAY = 24 * 3600_000;
const GIGABYTE = 1024 ** 3;

let path: string;
const opened: DataDirectory[] = [];
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "claude-virtual-api-files-"));
});
afterEach(async () => {
  for (const directory of opened.splice(0)) await directory.close();
  vi.useRealTimers();
  await rm(path, { recursive: true });
});

async function openStore(keepDays = 0, quota = new Quota(0), logger: Logger = silentLogger) {
  const directory = new DataDirectory(path, logger);
  const store = new FileStore(directory, quota, keepDays, logger);
  directory.addStore(store);
  opened.push(directory);
  await directory.open();
  return { store, directory };
}

async function* bytes(...chunks: (string | Buffer)[]) {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

const upload = (filename: string, content = bytes("Hello"), mimeType = "text/plain") => ({
  filename,
  mimeType,
  content,
});
const forever = async () => undefined;
const add = (store: FileStore, filename = "a.txt", expiresIn?: number) =>
  store.add(upload(filename), async () => expiresIn);
const inside = async (...names: string[]) => (await readdir(join(path, ...names))).sort();
const expectNothing = async () => expect([await inside("files"), await inside("drafts")]).toEqual([[], []]);
const idsOf = async (store: FileStore) => (await store.list()).map(({ id }) => id);
/** Advances only the clock, by this many milliseconds. */
const goBy = (milliseconds: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + milliseconds });

describe("a file", () => {
  it("has the API's metadata, stored readably", async () => {
    const { store } = await openStore();
    const file = await store.add(upload("Grüße.txt", bytes("Hel", "lo\0", Buffer.from([0xff]))), forever);
    expect(file).toEqual({
      type: "file",
      id: expect.stringMatching(/^file_01[1-9A-HJ-NP-Za-km-z]{22}$/),
      filename: "Grüße.txt",
      mime_type: "text/plain",
      size_bytes: 7,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
      downloadable: false,
      expires_at: null,
    });
    expect(await inside("files", file.id)).toEqual(["content.txt", "meta.json"]);
    expect(JSON.parse(await readFile(join(path, "files", file.id, "meta.json"), "utf8"))).toEqual(file);
    expect(await store.content(file)).toEqual(Buffer.from("Hello\0\xff", "latin1"));
    expect(await inside("drafts")).toEqual([]);
  });

  it("survives a restart, with the same metadata and order", async () => {
    const { store, directory } = await openStore();
    for (const name of ["a.txt", "b.pdf", "c"]) await add(store, name, 3600);
    const before = await store.list();
    expect(before.map(({ filename }) => filename)).toEqual(["c", "b.pdf", "a.txt"]);
    await directory.close();
    const again = (await openStore()).store;
    expect(await again.list()).toEqual(before);
    expect(await again.get(before[1]?.id as string)).toEqual(before[1]);
    expect((await again.content(before[1] as never)).toString()).toBe("Hello");
  });

  it("has its own position in lists, however fast files arrive", async () => {
    const { store } = await openStore();
    const added: string[] = [];
    for (let each = 0; each < 20; each++) added.unshift((await add(store)).id);
    expect(await idsOf(store)).toEqual(added);
    expect(new Set((await store.list()).map(({ created_at }) => created_at)).size).toBe(20);
  });

  it("has an id that contains its creation time", async () => {
    const { store } = await openStore();
    for (let each = 0; each < 5; each++) {
      const { id, created_at } = await add(store);
      expect(timeIn("file", id)).toBe(Date.parse(created_at));
    }
  });

  it("is invisible until the client has sent everything", async () => {
    const { store } = await openStore();
    let seen: unknown;
    await store.add(upload("a.txt"), async () => {
      seen = [await store.list(), await inside("files"), (await inside("drafts")).length];
      return undefined;
    });
    expect(seen).toEqual([[], [], 1]);
    expect(await store.list()).toHaveLength(1);
  });

  it("is not found after it is deleted, nor is its content", async () => {
    const { store } = await openStore();
    const [kept, gone] = [await add(store), await add(store)];
    await store.remove(gone.id);
    const missing = { status: 404, type: "not_found_error", message: `File \`${gone.id}\` not found.` };
    await expect(store.get(gone.id)).rejects.toMatchObject(missing);
    await expect(store.content(gone)).rejects.toMatchObject(missing);
    await expect(store.remove(gone.id)).rejects.toMatchObject(missing);
    expect([await inside("files"), await inside("drafts")]).toEqual([[kept.id], []]);
  });

  it.each(["file_x", "", "..", "../files", "file_../a", "a/b", "__proto__", `file_${"a".repeat(65)}`])(
    "is not found by the id %j",
    async (id) => {
      const { store } = await openStore();
      await add(store);
      const missing = { status: 404, message: `File \`${id}\` not found.` };
      await expect(store.get(id)).rejects.toMatchObject(missing);
      await expect(store.remove(id)).rejects.toMatchObject(missing);
      expect(await store.list()).toHaveLength(1);
    },
  );

  it("that is damaged is skipped and logged, and the others are listed", async () => {
    const error = vi.fn();
    const { store } = await openStore(0, new Quota(0), { ...silentLogger, error });
    const kept = await add(store);
    await mkdir(join(path, "files/file_torn"));
    await writeFile(join(path, "files/file_torn/meta.json"), "{ torn");
    await mkdir(join(path, "files/file_empty"));
    await writeFile(join(path, "files/notes.txt"), "mine");
    expect(await idsOf(store)).toEqual([kept.id]);
    await expect(store.get("file_torn")).rejects.toMatchObject({ status: 404 });
    expect(error.mock.calls.flat()).toContainEqual(expect.stringMatching(/^files: file_torn cannot be read: /));
  });

  it.each([
    ["empty", () => "{}"],
    ["null", () => "null"],
    ["another file's", (meta: string) => meta.replaceAll("file_", "file_0")],
    ["without its size", (meta: string) => meta.replace('"size_bytes"', '"size"')],
    ["without a valid time", (meta: string) => meta.replace(/"created_at": "[^"]*"/, '"created_at": "soon"')],
  ])("whose metadata is %s is logged once, and affects neither the quota nor other files", async (_name, damage) => {
    const { store, directory } = await openStore();
    const [kept, damaged] = [await add(store), await add(store)];
    await directory.close();
    const meta = join(path, "files", damaged.id, "meta.json");
    await writeFile(meta, damage(await readFile(meta, "utf8")));
    const error = vi.fn();
    const quota = new Quota(1);
    const again = (await openStore(0, quota, { ...silentLogger, error })).store;
    expect([await idsOf(again), await idsOf(again)]).toEqual([[kept.id], [kept.id]]);
    await expect(again.remove(damaged.id)).rejects.toMatchObject({ status: 404 });
    expect(error.mock.calls).toEqual([[expect.stringMatching(`^files: ${damaged.id} cannot be read: `)]]);
    expect(() => quota.reserve(GIGABYTE - 4)).toThrow();
    quota.reserve(GIGABYTE - 5);
  });
});

describe("a failed upload", () => {
  it.each([
    ["its content is incomplete", upload("a.txt", broken()), forever, /cut/],
    ["its form is incomplete", upload("a.txt"), () => Promise.reject(new Error("cut")), /cut/],
    ["it is empty", upload("a.txt", bytes()), forever, /^file: The file must not be empty$/],
    ["its name is a path", upload("../a.txt"), forever, /must not contain/],
  ])("leaves nothing when %s", async (_why, what, finish, message) => {
    const { store } = await openStore();
    await expect(store.add(what, finish)).rejects.toThrow(message);
    await expectNothing();
    expect(await store.list()).toEqual([]);
  });

  it("leaves nothing when it is too large, and stops reading", async () => {
    const { store } = await openStore();
    const megabyte = Buffer.alloc(1024 * 1024);
    let sent = 0;
    async function* large() {
      for (;;) {
        sent += 1;
        yield megabyte;
      }
    }
    await expect(store.add({ filename: "a", mimeType: "", content: large() }, forever)).rejects.toMatchObject({
      status: 413,
      type: "request_too_large",
      message: expect.stringContaining("500 MB"),
    });
    expect(sent).toBe(501);
    await expectNothing();
  });

  it("leaves nothing when the quota is used up, which does not count deleted files", async () => {
    const quota = new Quota(1);
    const { store } = await openStore(0, quota);
    quota.addExisting(GIGABYTE - 12);
    const first = await add(store);
    await add(store);
    const full = { status: 400, details: { error_code: "storage_quota_exceeded" } };
    await expect(add(store)).rejects.toMatchObject(full);
    expect([(await inside("files")).length, await inside("drafts")]).toEqual([2, []]);
    await store.remove(first.id);
    await add(store);
    await expect(add(store)).rejects.toMatchObject(full);
  });

  it("takes existing files into account", async () => {
    const { store, directory } = await openStore();
    await add(store);
    await directory.close();
    const quota = new Quota(1);
    await openStore(0, quota);
    expect(() => quota.reserve(GIGABYTE - 4)).toThrow();
    quota.reserve(GIGABYTE - 5);
  });

  async function* broken() {
    yield Buffer.from("Hel");
    throw new Error("cut");
  }
});

describe("expiry", () => {
  it("hides a file after its lifetime, and reports it as expired until it is deleted", async () => {
    const { store, directory } = await openStore();
    const [short, long] = [await add(store, "a.txt", 3600), await add(store, "b.txt", 7200)];
    expect(Date.parse(short.expires_at as string) - Date.parse(short.created_at)).toBe(3600_000);
    goBy(3600_000 + 5000);
    expect(await idsOf(store)).toEqual([long.id]);
    const expired = { status: 404, type: "not_found_error", details: { error_code: "file_expired" } };
    await expect(store.get(short.id)).rejects.toMatchObject(expired);
    await expect(store.remove(short.id)).rejects.toMatchObject(expired);
    expect((await inside("files")).length).toBe(2);
    await directory.close();
    await openStore();
    expect([await inside("files"), await inside("drafts")]).toEqual([[long.id], []]);
  });

  it("deletes files after the configured days, at the start and every hour", async () => {
    const { store, directory } = await openStore(2);
    const old = await add(store);
    await directory.close();
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"], now: Date.now() + DAY });
    const young = (await openStore(2)).store;
    const kept = await add(young);
    expect(await idsOf(young)).toEqual([kept.id, old.id]);
    vi.advanceTimersByTime(DAY + 3600_000);
    await vi.waitUntil(async () => (await inside("files")).length === 1);
    expect(await idsOf(young)).toEqual([kept.id]);
  });

  it("deletes no file without a lifetime", async () => {
    const { store, directory } = await openStore();
    const file = await add(store);
    await directory.close();
    goBy(10_000 * DAY);
    expect(await idsOf((await openStore()).store)).toEqual([file.id]);
  });
});

describe("a closing server", () => {
  it("waits for uploads in progress", async () => {
    const { store, directory } = await openStore();
    let send = () => {};
    const sent = new Promise<undefined>((resolve) => {
      send = () => resolve(undefined);
    });
    let finishing = () => {};
    const asked = new Promise<void>((resolve) => {
      finishing = resolve;
    });
    const added = store.add(upload("a.txt"), () => {
      finishing();
      return sent;
    });
    await asked;
    const closed = directory.close().then(() => inside("files"));
    expect(await inside()).toContain("lock");
    send();
    expect(await closed).toEqual([(await added).id]);
    expect(await inside()).not.toContain("lock");
  });
});
