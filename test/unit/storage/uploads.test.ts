import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../../src/files/store.ts";
import { DataDirectory } from "../../../src/storage/dataDirectory.ts";
import { Quota } from "../../../src/storage/quota.ts";
import { Uploads } from "../../../src/storage/uploads.ts";
import { openBatches } from "../../support/batches.ts";
import { until } from "../../support/harness.ts";
import { scratchDirectory } from "../../support/scratch.ts";
import { silentLogger } from "../../support/silentLogger.ts";

/** Sends some bytes, then stalls. */
async function* stalled(text: string) {
  yield Buffer.from(text);
  await new Promise(() => {});
}

const closing = { status: 529, type: "overloaded_error", message: "The server is shutting down." };

describe("a closing server", () => {
  it("aborts a stalled upload, and leaves no draft", async () => {
    const path = scratchDirectory();
    const directory = new DataDirectory(path, silentLogger, new Uploads(1));
    const files = new FileStore(directory, new Quota(0), 0, silentLogger);
    directory.addStore(files);
    await directory.open();
    const upload = { filename: "a.txt", mimeType: "", content: stalled("Hello") };
    const outcome = expect(files.add(upload, async () => undefined)).rejects.toMatchObject(closing);
    await until(async () => (await readdir(join(path, "drafts"))).length === 1);
    await directory.close();
    await outcome;
    expect(await readdir(join(path, "drafts"))).toEqual([]);
  });

  it("aborts an upload whose other fields never arrive", async () => {
    const path = scratchDirectory();
    const directory = new DataDirectory(path, silentLogger, new Uploads(1));
    const files = new FileStore(directory, new Quota(0), 0, silentLogger);
    await directory.open();
    const content = (async function* () {
      yield Buffer.from("Hello");
    })();
    const upload = { filename: "a.txt", mimeType: "", content };
    const outcome = expect(files.add(upload, () => new Promise(() => {}))).rejects.toMatchObject(closing);
    await until(async () => (await readdir(join(path, "drafts"))).length === 1);
    await directory.close();
    await outcome;
    expect(await readdir(join(path, "drafts"))).toEqual([]);
  });

  it("aborts a batch that stays incomplete", async () => {
    const path = scratchDirectory();
    const { batches, directory } = await openBatches(path, () => "x", new Quota(0), silentLogger, new Uploads(1));
    const body = { bytes: stalled('{"requests":['), signal: new AbortController().signal };
    const outcome = expect(batches.create(body, "2023-06-01", [])).rejects.toMatchObject(closing);
    await until(async () => (await readdir(join(path, "drafts"))).length === 1);
    await directory.close();
    await outcome;
    expect([await readdir(join(path, "drafts")), await readdir(join(path, "batches"))]).toEqual([[], []]);
  });

  it("waits for an upload that makes progress", async () => {
    const directory = new DataDirectory(scratchDirectory(), silentLogger);
    const files = new FileStore(directory, new Quota(0), 0, silentLogger);
    await directory.open();
    let resume = () => {};
    const going = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const content = (async function* () {
      yield Buffer.from("Hello");
      await going;
      yield Buffer.from(" world");
    })();
    const added = files.add({ filename: "a.txt", mimeType: "", content }, async () => undefined);
    await until(async () => (await readdir(directory.at("drafts"))).length === 1);
    const closed = directory.close();
    resume();
    expect((await added).size_bytes).toBe(11);
    await closed;
  });
});
