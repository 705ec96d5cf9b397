import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Quota } from "../../../src/storage/quota.ts";
import { StagingDir } from "../../../src/storage/stagingDir.ts";

const GIGABYTE = 1024 ** 3;

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "claude-virtual-api-draft-"));
  for (const name of ["drafts", "files"]) await mkdir(join(path, name));
});
afterEach(() => rm(path, { recursive: true }));

const drafts = () => readdir(join(path, "drafts"));
const files = () => readdir(join(path, "files"));
const draft = (quota = new Quota(0)) => new StagingDir(join(path, "drafts/file_1"), quota);

async function* content(...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

/** A quota with this many bytes left. */
function room(bytes: number): Quota {
  const quota = new Quota(1);
  quota.addExisting(GIGABYTE - bytes);
  return quota;
}

const used = { status: 400, type: "invalid_request_error", details: { error_code: "storage_quota_exceeded" } };

describe("StagingDir", () => {
  it("is invisible until it is committed, and then complete", async () => {
    const one = draft();
    await one.write("content.txt", content("Hel", "", "lo"));
    await one.writeJson("meta.json", { size: one.size });
    expect([one.size, await files()]).toEqual([5, []]);
    await one.commit(join(path, "files/file_1"));
    expect([await drafts(), await files()]).toEqual([[], ["file_1"]]);
    expect(await readFile(join(path, "files/file_1/content.txt"), "utf8")).toBe("Hello");
    expect(await readFile(join(path, "files/file_1/meta.json"), "utf8")).toBe('{\n  "size": 5\n}\n');
  });

  it("leaves nothing after a rollback, with or without content", async () => {
    const one = draft();
    await one.rollback();
    await one.write("content", content("Hello"));
    await one.rollback();
    expect([one.size, await drafts(), await files()]).toEqual([0, [], []]);
  });

  it("rethrows the error of its content", async () => {
    const broken = new Error("cut");
    async function* cut() {
      yield Buffer.from("Hel");
      throw broken;
    }
    await expect(draft().write("content", cut())).rejects.toBe(broken);
  });

  it("never replaces an existing directory", async () => {
    await mkdir(join(path, "files/file_1"));
    await writeFile(join(path, "files/file_1/content"), "first");
    const one = draft();
    await one.write("content", content("second"));
    await expect(one.commit(join(path, "files/file_1"))).rejects.toMatchObject({ status: 500 });
    expect(await readFile(join(path, "files/file_1/content"), "utf8")).toBe("first");
    await expect(one.write("content", content("third"))).rejects.toMatchObject({ status: 500 });
  });

  it("stops at the quota, reads no further, and releases what it reserved", async () => {
    const quota = room(10);
    let asked = 0;
    async function* endless() {
      for (;;) {
        asked += 1;
        yield Buffer.from("1234");
      }
    }
    const one = draft(quota);
    await expect(one.write("content", endless())).rejects.toMatchObject(used);
    expect([asked, one.size]).toEqual([3, 8]);
    expect(() => quota.reserve(3)).toThrow();
    await one.rollback();
    expect(() => quota.reserve(11)).toThrow();
    quota.reserve(10);
  });
});

describe("Quota", () => {
  it("rejects the first byte beyond its limit", () => {
    const quota = room(2);
    quota.reserve(2);
    expect(() => quota.reserve(1)).toThrow(
      expect.objectContaining({ ...used, message: expect.stringContaining("The storage quota of 1 GB is used up.") }),
    );
    quota.release(1);
    quota.reserve(1);
  });

  it("counts existing bytes even beyond its limit", () => {
    const quota = new Quota(1);
    quota.addExisting(2 * GIGABYTE);
    expect(() => quota.reserve(1)).toThrow();
    quota.release(GIGABYTE + 1);
    quota.reserve(1);
  });

  it("has no limit if it is 0", () => {
    const quota = new Quota(0);
    for (let each = 0; each < 10; each++) quota.reserve(Number.MAX_SAFE_INTEGER / 20);
  });
});
