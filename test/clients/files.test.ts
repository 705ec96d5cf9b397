import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type Anthropic from "@anthropic-ai/sdk";
import { toFile } from "@anthropic-ai/sdk";
import { afterEach, describe, expect, it, vi } from "vitest";
import { expectStored, listed } from "../support/forms.ts";
import { sampled } from "../support/full.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { clientOf, expectUpstream, MODEL, SDKS } from "./sdks.ts";

const app = sharedApp();
afterEach(async () => {
  vi.useRealTimers();
  for (const { id } of await listed(app.url)) await app.call(`/v1/files/${id}`, { method: "DELETE" });
});

const PDF = Buffer.from("%PDF-1.4\n\0\xff", "latin1");

/** Both places where each SDK has the files. */
const WAYS = SDKS.flatMap(({ name, SDK }) => [
  { name: `${name}, files`, SDK, at: (client: Anthropic) => client.files },
  // the same calls, but for types that name betas
  { name: `${name}, beta.files`, SDK, at: (client: Anthropic) => client.beta.files as unknown as Anthropic.Files },
]);

describe.each(sampled(WAYS, WAYS.length, 2))("the official SDK, $name", ({ SDK, at }) => {
  const client = () => clientOf(SDK, app).client;
  const files = () => at(client());
  const upload = async (filename = "a.txt", content: string | Buffer = "Hello", type = "text/plain") =>
    files().upload({ file: await toFile(Buffer.from(content), filename, { type }) });
  const read = async (id: string, name: string) => readFile(join(app.dataDir, "files", id, name));

  it("uploads from memory, and gets the file's metadata", async () => {
    const file = await upload("Grüße.pdf", PDF, "application/pdf");
    expect(file).toEqual({
      type: "file",
      id: expect.stringMatching(/^file_/),
      filename: "Grüße.pdf",
      mime_type: "application/pdf",
      size_bytes: PDF.length,
      created_at: expect.any(String),
      downloadable: false,
      expires_at: null,
    });
    expect(await files().retrieveMetadata(file.id)).toEqual(file);
    expect((await read(file.id, "content.pdf")).equals(PDF)).toBe(true);
  });

  it("uploads from the disk, by its name", async () => {
    const path = join(app.dataDir, "../report.pdf");
    const content = Buffer.concat([PDF, Buffer.alloc(1_000_000, 7)]);
    await writeFile(path, content);
    const file = await files().upload({ file: createReadStream(path) });
    expect(file).toMatchObject({ filename: "report.pdf", mime_type: "application/pdf", size_bytes: content.length });
    expect((await read(file.id, "content.pdf")).equals(content)).toBe(true);
  });

  it("uploads a web File that expires after a day", async () => {
    const file = await files().upload({ file: new File(["# A"], "notes.md"), expires_in_seconds: 86_400 });
    expect(file).toMatchObject({ filename: "notes.md", mime_type: "text/markdown" });
    expect(Date.parse(String(file.expires_at)) - Date.parse(file.created_at)).toBe(86_400_000);
  });

  it("lists all files, a page at a time", async () => {
    const ids: string[] = [];
    for (let each = 0; each < 5; each++) ids.unshift((await upload(`${each}.txt`)).id);
    const { client, sent } = clientOf(SDK, app);
    const seen: string[] = [];
    for await (const { id } of at(client).list({ limit: 2 })) seen.push(id);
    expect(seen).toEqual(ids);
    expect(sent).toHaveLength(3);
  });

  it("deletes all files while listing them", async () => {
    const ids: string[] = [];
    for (let each = 0; each < 46; each++) ids.unshift((await upload()).id);
    const { client, sent } = clientOf(SDK, app);
    const seen: string[] = [];
    for await (const { id } of at(client).list()) {
      seen.push(id);
      await at(client).delete(id);
    }
    expect(seen).toEqual(ids);
    expect(sent).toHaveLength(3 + ids.length);
    await expectStored(app.url, app.dataDir, []);
  });

  it("deletes a file", async () => {
    const [kept, gone] = [await upload(), await upload()];
    expect(await files().delete(gone.id)).toEqual({ id: gone.id, type: "file_deleted" });
    await expect(files().retrieveMetadata(gone.id)).rejects.toThrow(SDK.NotFoundError);
    await expectStored(app.url, app.dataDir, [kept.id]);
  });

  it("sends a message with a file", async () => {
    const file = await upload("a.pdf", PDF, "application/pdf");
    const asking = (source: object): Anthropic.MessageCreateParamsNonStreaming => ({
      model: MODEL,
      max_tokens: 100,
      messages: [{ role: "user", content: [{ type: "document", source } as Anthropic.DocumentBlockParam] }],
    });
    const byId = asking({ type: "file", file_id: file.id });
    await client().messages.create(byId);
    await client().beta.messages.create({ ...byId, betas: ["files-api-2025-04-14"] } as never);
    const whole = asking({ type: "base64", media_type: "application/pdf", data: PDF.toString("base64") });
    expectUpstream(app, whole, whole);
  });

  const refusal = (status: number, type: string, error_code?: string) => ({
    status,
    requestID: expect.stringMatching(/^req_/),
    error: { type: "error", error: { type, ...(error_code && { details: { error_code } }) } },
  });

  it("throws its own errors for rejected files", async () => {
    const { id } = await upload();
    const download = await files()
      .download(id)
      .catch((error) => error);
    expect(download).toBeInstanceOf(SDK.BadRequestError);
    expect(download).toMatchObject(refusal(400, "invalid_request_error", "file_not_downloadable"));
    const missing = await files()
      .retrieveMetadata("file_x")
      .catch((error) => error);
    expect(missing).toBeInstanceOf(SDK.NotFoundError);
    expect(missing).toMatchObject(refusal(404, "not_found_error"));
    const named = await upload("what?.txt").catch((error) => error);
    expect(named).toBeInstanceOf(SDK.BadRequestError);
    await expect(files().list({ limit: 0 })).rejects.toThrow(SDK.BadRequestError);
    await expectStored(app.url, app.dataDir, [id]);
  });

  it("throws an error for an expired file", async () => {
    const { id } = await files().upload({ file: new File(["Hello"], "a.txt"), expires_in_seconds: 3600 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3600_000 + 5000 });
    const expired = await files()
      .retrieveMetadata(id)
      .catch((error) => error);
    expect(expired).toBeInstanceOf(SDK.NotFoundError);
    expect(expired).toMatchObject(refusal(404, "not_found_error", "file_expired"));
  });
});

describe("the newest SDK", () => {
  const files = () => clientOf(SDKS[0].SDK, app).client.files;

  it("has error types for files", async () => {
    const { id } = await files().upload({ file: new File(["Hello"], "a.txt"), expires_in_seconds: 3600 });
    const download = await files()
      .download(id)
      .catch((error) => error);
    expect([download.constructor.name, download.errorCode]).toEqual([
      "FileNotDownloadableError",
      "file_not_downloadable",
    ]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3600_000 + 5000 });
    const expired = await files()
      .retrieveMetadata(id)
      .catch((error) => error);
    expect([expired.constructor.name, expired.errorCode]).toEqual(["FileExpiredError", "file_expired"]);
  });

  it("gets the files it names, without unknown ones", async () => {
    const { id } = await files().upload({ file: new File(["Hello"], "a.txt") });
    await files().upload({ file: new File(["Hello"], "b.txt") });
    const seen: string[] = [];
    for await (const file of files().list({ ids: [id, "file_x"] })) seen.push(file.id);
    expect(seen).toEqual([id]);
  });
});
