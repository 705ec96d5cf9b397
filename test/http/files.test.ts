import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { aFile, expectStored, listed, type Part, upload } from "../support/forms.ts";
import { scratchHome, simple, startApp } from "../support/harness.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();
afterEach(async () => {
  vi.useRealTimers();
  for (const { id } of await listed(app.url)) await app.call(`/v1/files/${id}`, { method: "DELETE" });
});

const VERSIONS = [
  { "anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14" },
  { "anthropic-version": "2023-06-01" },
  { "anthropic-version": "2026-10-21" },
];

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape
async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; body: any }> {
  const response = await app.call(path, init);
  return { status: response.status, body: await response.json() };
}

const get = async (path: string, headers = {}) => (await ask(path, { headers })).body;
const put = (...parts: Part[]) => upload(app.url, ...parts);

/** Uploads this many files; returns them newest first. */
async function some(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let each = 1; each <= count; each++) ids.unshift((await put(aFile({ filename: `${each}.txt` }))).id);
  return ids;
}

describe("a file", () => {
  it("can be uploaded, retrieved, listed and deleted", async () => {
    const before = Date.now();
    const file = await put(aFile({ filename: "report.pdf", type: "application/pdf", content: "%PDF-1.4" }));
    expect(file).toEqual({
      type: "file",
      id: expect.stringMatching(/^file_01[1-9A-HJ-NP-Za-km-z]{22}$/),
      filename: "report.pdf",
      mime_type: "application/pdf",
      size_bytes: 8,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
      downloadable: false,
      expires_at: null,
    });
    expect(Date.parse(file.created_at)).toBeGreaterThanOrEqual(before);
    for (const headers of VERSIONS) {
      expect(await get(`/v1/files/${file.id}`, headers)).toEqual(file);
      expect((await get("/v1/files?beta=true", headers)).data).toEqual([file]);
    }
    await expectStored(app.url, app.dataDir, [file.id]);
    const stored = await readFile(join(app.dataDir, "files", file.id, "content.pdf"), "utf8");
    expect(stored).toBe("%PDF-1.4");
    const deleted = await ask(`/v1/files/${file.id}`, { method: "DELETE" });
    expect(deleted).toEqual({ status: 200, body: { id: file.id, type: "file_deleted" } });
    expect((await ask(`/v1/files/${file.id}`)).status).toBe(404);
    await expectStored(app.url, app.dataDir, []);
  });

  it("cannot be downloaded again", async () => {
    const { id } = await put(aFile());
    for (const headers of VERSIONS) {
      const { status, body } = await ask(`/v1/files/${id}/content`, {
        headers: { ...headers, accept: "application/binary" },
      });
      expect(status).toBe(400);
      expect(body).toMatchObject({
        type: "error",
        error: {
          type: "invalid_request_error",
          message: "File is not downloadable",
          details: { error_code: "file_not_downloadable" },
        },
      });
    }
  });

  it("is stored byte for byte", async () => {
    const odd = Buffer.concat([
      Buffer.from("\r\n------a-boundar\r\n--\r\n\0\xff\xfe", "latin1"),
      Buffer.alloc(200_000, 13),
    ]);
    const { id, size_bytes } = await put(aFile({ filename: "odd.bin", type: "application/x-odd", content: odd }));
    expect(size_bytes).toBe(odd.length);
    expect((await readFile(join(app.dataDir, "files", id, "content.bin"))).equals(odd)).toBe(true);
  });

  it.each([
    ["Grüße 漢字 😀 (1).txt", "text/plain", "text/plain"],
    ["notes.md", "text/plain", "text/plain"],
    ["notes.md", "text/markdown; charset=utf-8", "text/markdown"],
    ["notes.pdf", "text/plain", "text/plain"],
    ["a.pdf", undefined, "application/pdf"],
    ["a.zip", undefined, "application/zip"],
    ["a.json", undefined, "application/json"],
    ["a.csv", undefined, "text/csv"],
    ["a.svg", undefined, "image/svg+xml"],
    ["a.docx", undefined, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
    ["a.txt", undefined, "text/plain"],
    ["b.zip", "", "application/zip"],
    ["unknown", undefined, "application/octet-stream"],
    ["A.PNG", "application/octet-stream", "image/png"],
    ["a.png", "Image/JPEG", "image/jpeg"],
    ["unknown", "application/octet-stream", "application/octet-stream"],
    ["x".repeat(255), "text/plain", "text/plain"],
  ])("keeps its name %s and, sent as %s, is of type %s", async (filename, type, mime_type) => {
    expect(
      await put(aFile({ filename, ...(type === undefined ? { type: undefined } : { type }) } as Part)),
    ).toMatchObject({
      filename,
      mime_type,
    });
  });

  it("is found among many fields, as are the fields after it", async () => {
    const others = (count: number) =>
      Array.from({ length: count }, (_, each) => ({ name: `field_${each}`, content: "x" }));
    const file = await put(...others(49), aFile(), ...others(49), { name: "expires_in_seconds", content: "3600" });
    expect(Date.parse(file.expires_at) - Date.parse(file.created_at)).toBe(3600_000);
  });

  it("is kept for the client's time, wherever the form has it", async () => {
    const seconds = (content: string) => ({ name: "expires_in_seconds", content });
    const length = (file: { expires_at: string; created_at: string }) =>
      Date.parse(file.expires_at) - Date.parse(file.created_at);
    const [short, long] = [await put(seconds("3600"), aFile()), await put(aFile(), seconds("7776000"))];
    expect([length(short), length(long)]).toEqual([3600_000, 7776000_000]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3600_000 + 5000 });
    expect((await listed(app.url)).map(({ id }) => id)).toEqual([long.id]);
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/content"],
      ["DELETE", ""],
    ] as const) {
      expect(await ask(`/v1/files/${short.id}${path}`, { method })).toMatchObject({
        status: 404,
        body: { error: { type: "not_found_error", details: { error_code: "file_expired" } } },
      });
    }
    const used = simple([{ type: "document", source: { type: "file", file_id: short.id } }]);
    expect((await app.post(used)).status).toBe(404);
    expect(app.fakeApi.messages).toHaveLength(0);
  });

  it("survives a restart of the server", async () => {
    await using scratch = await scratchHome();
    const dataDir = join(scratch.home, "kept");
    const first = await startApp({ dataDir });
    const file = await upload(first.url, aFile({ filename: "b.txt", content: "Still here" }));
    await first[Symbol.asyncDispose]();
    await using second = await startApp({ dataDir });
    expect(await (await second.call(`/v1/files/${file.id}`)).json()).toEqual(file);
    await second.post(simple([{ type: "document", source: { type: "file", file_id: file.id } }]));
    expect(second.fakeApi.messages[0]?.body.messages[0].content[0].source.data).toBe("Still here");
    expect(await readdir(join(dataDir, "files"))).toEqual([file.id]);
  });
});

describe("a list", () => {
  it("is empty at first, in both envelopes", async () => {
    for (const headers of VERSIONS) {
      const empty = { data: [], has_more: false, first_id: null, last_id: null, next_page: null };
      expect(await get("/v1/files", headers)).toEqual(empty);
    }
  });

  it("paginates in both directions, newest first, in every version", async () => {
    const ids = await some(5);
    for (const headers of VERSIONS) {
      for (const step of [
        ({ next_page }: { next_page: string }) => `&page=${next_page}`,
        ({ last_id }: { last_id: string }) => `&after_id=${last_id}`,
      ]) {
        const pages: string[][] = [];
        let query = "";
        let more = true;
        while (more) {
          const page = await get(`/v1/files?limit=2${query}`, headers);
          const here = page.data.map(({ id }: { id: string }) => id);
          pages.push(here);
          expect(page).toMatchObject({ first_id: here[0], last_id: here.at(-1) });
          expect(page.next_page).toEqual(page.has_more ? expect.stringMatching(/^page_./) : null);
          more = page.has_more;
          query = step(page);
        }
        expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
      }
    }
    const back = await get(`/v1/files?limit=2&before_id=${ids[4]}`);
    expect(back).toMatchObject({ data: [{ id: ids[2] }, { id: ids[3] }], has_more: true });
    expect(await get(`/v1/files?before_id=${ids[1]}`)).toMatchObject({ data: [{ id: ids[0] }], has_more: false });
  });

  it("has 20 files on a page, or as many as requested", async () => {
    const ids = await some(21);
    const lengths = async (query: string) => (await get(`/v1/files${query}`)).data.length;
    expect([await lengths(""), await lengths("?limit=21"), await lengths("?limit=1000")]).toEqual([20, 21, 21]);
    expect((await get("/v1/files")).next_page).not.toBeNull();
    expect((await get("/v1/files?limit=21")).next_page).toBeNull();
    expect((await get("/v1/files?limit=1")).data[0].id).toBe(ids[0]);
  });

  it("of ids has these files on one page, and skips unknown ones", async () => {
    const [third, second, first] = await some(3);
    for (const query of [`ids[]=${first}&ids[]=file_x&ids[]=${third}`, `ids%5B%5D=${third}&ids%5B%5D=${first}`]) {
      const { data, ...page } = await get(`/v1/files?${query}`);
      expect(data.map(({ id }: { id: string }) => id)).toEqual([third, first]);
      expect(page).toMatchObject({ has_more: false, next_page: null });
    }
    expect((await get(`/v1/files?ids[]=${second}`)).data).toHaveLength(1);
    expect(await get("/v1/files?ids[]=file_x")).toMatchObject({ data: [], has_more: false, next_page: null });
    const hundred = Array.from({ length: 99 }, (_, each) => `ids[]=file_${each}`).join("&");
    expect((await get(`/v1/files?${hundred}&ids[]=${first}`)).data).toHaveLength(1);
  });
});

describe("a message", () => {
  const bytes = Buffer.from("%PDF-1.4\n\0\xff", "latin1");
  const byId = (file: { id: string }) => ({ type: "file", file_id: file.id });
  const base64 = (media_type: string) => ({ type: "base64", media_type, data: bytes.toString("base64") });

  it("is sent upstream with its files inlined, byte for byte", async () => {
    const png = await put(aFile({ filename: "a.png", type: "image/png", content: bytes }));
    const pdf = await put(aFile({ filename: "a.pdf", type: "application/pdf", content: bytes }));
    const text = await put(aFile({ content: "Grüße\r\n\u2028" }));
    const content = (image: object, document: object, plain: object) => [
      { type: "image", source: image, cache_control: { type: "ephemeral" } },
      { type: "document", source: document, title: "A", citations: { enabled: true } },
      { type: "document", source: plain },
      { type: "text", text: "Which?" },
    ];
    const plain = { type: "text", media_type: "text/plain", data: "Grüße\r\n\u2028" };
    for (const headers of VERSIONS) {
      app.fakeApi.reset();
      const answer = await app.post(simple(content(byId(png), byId(pdf), byId(text))), headers);
      expect(answer.status).toBe(200);
      expect(app.fakeApi.messages.map(({ body }) => body.messages)).toEqual([
        [{ role: "user", content: content(base64("image/png"), base64("application/pdf"), plain) }],
      ]);
      expect(String(app.fakeApi.messages[0]?.headers["anthropic-beta"])).not.toContain("files-api");
    }
  });

  it("is sent with files in tool results, and streams its response", async () => {
    const file = await put(aFile({ filename: "a.gif", type: "image/gif", content: bytes }));
    const messages = (source: object) => [
      { role: "user", content: "Look." },
      {
        role: "assistant",
        content: [{ type: "tool_use", id: "toolu_1", name: "look", input: { source: byId(file) } }],
      },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "image", source }] }],
      },
    ];
    const answer = await app.post(simple("", { messages: messages(byId(file)), stream: true }));
    expect(await answer.text()).toContain("message_stop");
    expect(app.fakeApi.messages.map(({ body }) => body.messages)).toEqual([messages(base64("image/gif"))]);
  });

  it.each([
    ["missing", "image", undefined, 404, "not_found_error", /^File `file_x` not found\.$/],
    ["of a wrong kind", "image", aFile(), 400, "invalid_request_error", / has the type text\/plain, but image blocks/],
    ["too large", "document", aFile({ content: Buffer.alloc(25_200_000) }), 400, "invalid_request_error", /32 MB/],
  ])(
    "is rejected for a file that is %s, as JSON, before any call upstream",
    async (_why, type, part, status, kind, message) => {
      const source = byId(part ? await put(part) : { id: "file_x" });
      for (const more of [{}, { stream: true }]) {
        const answer = await app.post({ ...simple([{ type, source }]), ...more });
        expect(answer.status).toBe(status);
        expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
        expect(await answer.json()).toMatchObject({ error: { type: kind, message: expect.stringMatching(message) } });
      }
      expect(app.fakeApi.messages).toHaveLength(0);
    },
  );

  it("is counted with its files", async () => {
    const file = await put(aFile({ content: "some words to count" }));
    const counted = async (source: object) => {
      const body = JSON.stringify({ model: "sonnet", messages: simple([{ type: "document", source }]).messages });
      return (await ask("/v1/messages/count_tokens", { method: "POST", body })).body;
    };
    const inline = { type: "text", media_type: "text/plain", data: "some words to count" };
    expect(await counted(byId(file))).toEqual(await counted(inline));
    expect(await counted({ type: "file", file_id: "file_x" })).toMatchObject({ error: { type: "not_found_error" } });
  });
});
