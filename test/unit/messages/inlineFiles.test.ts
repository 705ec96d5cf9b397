import { describe, expect, it } from "vitest";
import { fileExpired, fileNotFound } from "../../../src/api/errors.ts";
import { type FileSource, inlineFiles, type StoredFile } from "../../../src/messages/inlineFiles.ts";
import type { MessagesRequest } from "../../../src/validation/messagesRequest.ts";

const MEGABYTE = 1024 * 1024;

const stored: Record<string, { mime_type: string; content: Buffer }> = {
  file_png: { mime_type: "image/png", content: Buffer.from([0x89, 0, 0xff]) },
  file_jpeg: { mime_type: "image/jpeg", content: Buffer.from("j") },
  file_gif: { mime_type: "image/gif", content: Buffer.from("g") },
  file_webp: { mime_type: "image/webp", content: Buffer.from("w") },
  file_pdf: { mime_type: "application/pdf", content: Buffer.from("%PDF-1.4\n\xff", "latin1") },
  file_text: { mime_type: "text/plain", content: Buffer.from("Grüße\r\n\u2028End") },
  file_latin: { mime_type: "text/plain", content: Buffer.from("Gr\xfc\xdfe", "latin1") },
  file_markdown: { mime_type: "text/markdown", content: Buffer.from("# A") },
  file_svg: { mime_type: "image/svg+xml", content: Buffer.from("<svg/>") },
  file_half: { mime_type: "application/pdf", content: Buffer.alloc(12 * MEGABYTE) },
  file_huge: { mime_type: "application/pdf", content: Buffer.alloc(24 * MEGABYTE + 1) },
};

/** Files by id, and the ids of those read. */
function source(): FileSource & { read: string[] } {
  const read: string[] = [];
  return {
    read,
    async get(id): Promise<StoredFile> {
      if (id === "file_old") throw fileExpired(id);
      const file = stored[id];
      if (!file) throw fileNotFound(id);
      return { id, filename: "a", mime_type: file.mime_type, size_bytes: file.content.length };
    },
    async content({ id }) {
      read.push(id);
      return (stored[id] as { content: Buffer }).content;
    },
  };
}

const byId = (file_id: unknown) => ({ type: "file", file_id });
const image = (id: unknown, more: object = {}) => ({ type: "image", source: byId(id), ...more });
const pdf = (id: unknown, more: object = {}) => ({ type: "document", source: byId(id), ...more });
const user = (...content: unknown[]) => ({ role: "user", content });
const request = (...messages: unknown[]) =>
  ({ model: "sonnet", max_tokens: 10, messages, foo: { bar: 1 } }) as unknown as MessagesRequest;
const base64 = (id: string) => ({
  type: "base64",
  media_type: stored[id]?.mime_type,
  data: stored[id]?.content.toString("base64"),
});

/** The resolved blocks of the only message. */
async function resolved(...content: unknown[]): Promise<unknown> {
  return (await inlineFiles(request(user(...content)), source())).messages[0]?.content;
}

describe("a request that names no file", () => {
  it.each([
    ["text", request({ role: "user", content: "file_id" })],
    ["blocks", request(user({ type: "text", text: "Hi" }, { type: "image", source: base64("file_png") }))],
    ["an address", request(user({ type: "document", source: { type: "url", url: "https://example.com" } }))],
    ["a use", request(user({ type: "tool_use", id: "a", name: "b", input: { source: byId("file_png") } }))],
    ["an upload for a container", request(user({ type: "container_upload", file_id: "file_png" }))],
    ["odd blocks", request(user(null, 5, "text", [], { type: "image", source: null }), { role: "user" })],
  ])("is returned as it is: %s", async (_name, given) => {
    const files = source();
    expect(await inlineFiles(given, files)).toBe(given);
    expect(files.read).toEqual([]);
  });
});

describe("a file", () => {
  it.each(["file_png", "file_jpeg", "file_gif", "file_webp"])("is an image's content: %s", async (id) => {
    expect(await resolved(image(id))).toEqual([{ type: "image", source: base64(id) }]);
  });

  it("is a document's content: a PDF, with what else the block has", async () => {
    const more = { title: "A", context: null, citations: { enabled: true }, cache_control: { type: "ephemeral" } };
    expect(await resolved(pdf("file_pdf", more))).toEqual([{ type: "document", source: base64("file_pdf"), ...more }]);
  });

  it("is a document's content: text, to the character", async () => {
    expect(await resolved(pdf("file_text", { title: "A" }))).toEqual([
      {
        type: "document",
        source: { type: "text", media_type: "text/plain", data: "Grüße\r\n\u2028End" },
        title: "A",
      },
    ]);
  });

  it("is found in tool results and in documents of blocks, without changing the rest", async () => {
    const around = { type: "text", text: "Hi" };
    const blocks = { type: "document", source: { type: "content", content: [around, image("file_gif")] }, title: "B" };
    const result = {
      type: "tool_result",
      tool_use_id: "a",
      content: [pdf("file_pdf"), around, image("file_png")],
      is_error: true,
    };
    expect(await resolved(around, result, blocks, null)).toEqual([
      around,
      {
        ...result,
        content: [
          { type: "document", source: base64("file_pdf") },
          around,
          { type: "image", source: base64("file_png") },
        ],
      },
      { ...blocks, source: { type: "content", content: [around, { type: "image", source: base64("file_gif") }] } },
      null,
    ]);
  });

  it("changes nothing else, and not the original request", async () => {
    const first = { role: "user", content: "Hi" };
    const given = request(
      first,
      { role: "assistant", content: [{ type: "text", text: "Yes?" }] },
      user(image("file_png")),
    );
    const before = structuredClone(given);
    const whole = await inlineFiles(given, source());
    expect(given).toEqual(before);
    expect(whole).toEqual({
      ...before,
      messages: [...before.messages.slice(0, 2), user({ type: "image", source: base64("file_png") })],
    });
    expect(Object.keys(whole)).toEqual(Object.keys(before));
  });

  it.each(["video", "constructor"])("is left in an unknown block, which upstream checks: %s", async (type) => {
    const odd = { type, source: byId("file_png") };
    expect(await resolved(odd, image("file_png"))).toEqual([odd, { type: "image", source: base64("file_png") }]);
  });
});

describe("a request is rejected", () => {
  const expectRefused = async (content: unknown[], refusal: object) =>
    expect(resolved(...content)).rejects.toMatchObject(refusal);

  it("for a file that is missing or has expired, wherever it is named", async () => {
    const missing = { status: 404, type: "not_found_error", message: "File `file_x` not found." };
    for (const block of [image("file_x"), { type: "tool_result", tool_use_id: "a", content: [image("file_x")] }]) {
      await expectRefused([image("file_png"), block], missing);
    }
    await expectRefused([pdf("file_old")], { status: 404, details: { error_code: "file_expired" } });
  });

  it.each([
    ["image", "file_pdf", "application/pdf"],
    ["image", "file_text", "text/plain"],
    ["image", "file_svg", "image/svg+xml"],
    ["document", "file_png", "image/png"],
    ["document", "file_markdown", "text/markdown"],
  ])("for a file of the wrong kind: an %s of %s", async (type, id, kind) => {
    const files = source();
    await expect(inlineFiles(request(user({ type, source: byId(id) })), files)).rejects.toMatchObject({
      status: 400,
      type: "invalid_request_error",
      message: expect.stringContaining(`File \`${id}\` has the type ${kind}, but ${type} blocks accept only`),
    });
    expect(files.read).toEqual([]);
  });

  it.each([
    [undefined, "messages.0.content.1.image.source.file.file_id: Field required"],
    [5, "messages.0.content.1.image.source.file.file_id: Input should be a valid string"],
    [null, "messages.0.content.1.image.source.file.file_id: Input should be a valid string"],
  ])("for an id that is none: %j", async (id, message) => {
    await expectRefused([{ type: "text", text: "Hi" }, image(id)], { status: 400, message });
  });

  it("with the path of a nested block", async () => {
    const result = { type: "tool_result", tool_use_id: "a", content: [pdf(undefined)] };
    const message = "messages.0.content.0.tool_result.content.0.document.source.file.file_id: Field required";
    await expectRefused([result], { status: 400, message });
  });

  it("for text that is not UTF-8", async () => {
    await expectRefused([pdf("file_latin")], { status: 400, message: expect.stringContaining("is not UTF-8") });
  });

  it("for files of more than 32 MB as base64, alone or together, without reading them", async () => {
    const tooLarge = (id: string) => ({
      status: 400,
      message: expect.stringContaining(`exceed 32 MB with \`${id}\`.`),
    });
    const files = source();
    await expect(inlineFiles(request(user(pdf("file_huge"))), files)).rejects.toMatchObject(tooLarge("file_huge"));
    expect(files.read).toEqual([]);
    const two = [pdf("file_half"), pdf("file_half")];
    await expect(resolved(...two)).resolves.toHaveLength(2);
    await expectRefused([...two, image("file_gif")], tooLarge("file_gif"));
    await expectRefused([pdf("file_half"), { type: "tool_result", content: two }], tooLarge("file_half"));
  });
});
