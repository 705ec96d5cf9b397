import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { newId } from "../../src/api/ids.ts";
import { aFile, listed, upload } from "../support/forms.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();
const remove = (id: string) => app.call(`/v1/files/${id}`, { method: "DELETE" });
afterEach(async () => {
  for (const { id } of await listed(app.url)) await remove(id);
});

interface FilePage {
  data: { id: string }[];
  has_more: boolean;
  last_id: string;
  next_page: string;
}

const NOON = Date.parse("2026-11-22T12:00:00Z");

/** Stores a file like an older version, or one with another clock. */
async function store(id: string, time: number): Promise<void> {
  const template = await upload(app.url, aFile());
  await remove(template.id);
  const directory = join(app.dataDir, "files", id);
  await mkdir(directory);
  await writeFile(join(directory, "content.txt"), "Hello");
  const metadata = { ...template, id, created_at: new Date(time).toISOString() };
  await writeFile(join(directory, "meta.json"), JSON.stringify(metadata));
}

/** Deletes every file as soon as it is listed; returns the ids in this order. */
async function deleteAll(cursor: "page" | "after_id", afterEachPage = async () => {}): Promise<string[]> {
  const seen: string[] = [];
  let query = "";
  for (let more = true; more; ) {
    const page = (await (await app.call(`/v1/files?limit=2${query}`)).json()) as FilePage;
    for (const { id } of page.data) {
      seen.push(id);
      expect((await remove(id)).status).toBe(200);
    }
    await afterEachPage();
    more = page.has_more;
    query = cursor === "page" ? `&page=${page.next_page}` : `&after_id=${page.last_id}`;
  }
  return seen;
}

describe("a list whose files are deleted while it is read", () => {
  it.each(["page", "after_id"] as const)("continues after its %s, even if files are added", async (cursor) => {
    const ids: string[] = [];
    for (let each = 0; each < 5; each++) ids.unshift((await upload(app.url, aFile())).id);
    expect(await deleteAll(cursor, () => upload(app.url, aFile()))).toEqual(ids);
  });

  it.each(["page", "after_id"] as const)("continues after its %s within one millisecond", async (cursor) => {
    const ids = Array.from({ length: 5 }, () => newId("file", NOON)).sort();
    for (const id of ids) await store(id, NOON);
    expect(await deleteAll(cursor)).toEqual(ids.toReversed());
  });

  it("continues after its page even with ids of older versions, which contain no time", async () => {
    const ids = ["z", "1", "b"].map((letter) => `file_${letter.repeat(24)}`);
    for (const [age, id] of ids.entries()) await store(id, NOON - age);
    expect(await deleteAll("page")).toEqual(ids);
  });
});
