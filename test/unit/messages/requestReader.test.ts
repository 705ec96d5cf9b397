import type { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import { fileNotFound } from "../../../src/api/errors.ts";
import { EncodedText } from "../../../src/claude/transport/overlay/encodedText.ts";
import type { OverlayRequest } from "../../../src/claude/transport/turnRequest.ts";
import { BodyMemory } from "../../../src/messages/bodyMemory.ts";
import type { FileSource } from "../../../src/messages/inlineFiles.ts";
import { ReaderThread } from "../../../src/messages/readerThread.ts";
import type { Prepared, ReadOptions } from "../../../src/messages/readRequest.ts";
import { RequestReader } from "../../../src/messages/requestReader.ts";
import { silentLogger } from "../../support/silentLogger.ts";

const png = { id: "file_1", filename: "a.png", mime_type: "image/png", size_bytes: 3 };
const files: FileSource = {
  get: async (id) => {
    if (id !== png.id) throw fileNotFound(id);
    return png;
  },
  content: async () => Buffer.from("abc"),
};
const MB = 1024 * 1024;
const memory = new BodyMemory({ maxBodyMemory: 1024, maxQueue: 1 });
const reader = new RequestReader(files, memory, silentLogger);
afterAll(() => reader.close());

const reading: ReadOptions = {
  version: "2023-06-01",
  betas: ["b-1"],
  modelMap: {},
  transport: "overlay",
  inBatch: false,
  isShown: true,
};
const { signal } = new AbortController();
const inline = (text: string) => reader.message({ value: JSON.parse(text), text }, reading, { signal });
const onThread = (text: string, more: Partial<ReadOptions> = {}) =>
  reader.message({ bytes: new TextEncoder().encode(text) }, { ...reading, ...more }, { signal });

/** The worker's turn, with the body as the text that the CLI reads. */
function given({ key, turn }: Prepared) {
  if (turn.transport !== "overlay") throw new Error("This is for another transport.");
  const { body, ...rest } = turn;
  const text = body instanceof EncodedText ? JSON.parse(new TextDecoder().decode(body.literal)) : JSON.stringify(body);
  return { key, rest, text };
}

const TEXT =
  '{"model":"sonnet","max_tokens":10,"system":"Be brief.","2":1,"1":2,"messages":[{"role":"user","content":"\\ud800 é \\u2028"},' +
  '{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"n","input":{"__proto__":{"x":1e400},"a":1,"a":-0}}]}]}';

describe("a body read on the thread", () => {
  it("has the same result as a body read here", async () => {
    const [here, there] = [await inline(TEXT), await onThread(TEXT)];
    expect(given(await there.prepared)).toEqual(given(await here.prepared));
    const { prepared: _p, overlaid: _o, release: _r, ...facts } = here;
    expect(there).toMatchObject(facts);
    expect(there.shown).toBe(here.shown);
  });

  it.each([
    ["{", /^The request body is not valid JSON/],
    ["[]", "Input should be a valid dictionary or object to extract fields from"],
    ['{"model":"sonnet"}', "max_tokens: Field required"],
  ])("is refused like one that is read here: %j", async (text, message) => {
    const refusal = { status: 400, headers: { "x-should-retry": "false" } };
    await expect(onThread(text)).rejects.toMatchObject({ ...refusal, name: "ApiError" });
    await expect(onThread(text)).rejects.toThrow(message);
  });

  it("keeps the details of a refusal, and the rules of batches", async () => {
    const thread = TEXT.replace("{", '{"thread":{},');
    await expect(onThread(thread)).rejects.toMatchObject({ details: { error_code: "thread_unsupported_request" } });
    const stream = TEXT.replace("{", '{"stream":true,');
    await expect(onThread(stream, { inBatch: true })).rejects.toThrow("stream: Streaming is not supported in batches");
  });

  it("has the content of its files, even if small, and holds memory for it until it is released", async () => {
    const source = { type: "file", file_id: "file_1" };
    const request = {
      model: "sonnet",
      max_tokens: 1,
      messages: [{ role: "user", content: [{ type: "image", source }] }],
    };
    const read = await inline(JSON.stringify(request));
    const { text } = given(await read.prepared);
    expect(text).toContain('{"type":"base64","media_type":"image/png","data":"YWJj"}');
    // no more than needed, once that is known
    await expect.poll(() => memory.held).toBeLessThan(1000);
    expect(memory.held).toBeGreaterThan(0);
    read.release();
    await expect.poll(() => memory.held).toBe(0);
    const missing = await inline(JSON.stringify(request).replace("file_1", "file_2"));
    await expect(missing.prepared).rejects.toMatchObject({ status: 404, message: "File `file_2` not found." });
  });

  it.each([true, false])(
    "names files while another, which holds memory, waits for the thread (in a batch: %s)",
    async (inBatch) => {
      const shared = new BodyMemory({ maxBodyMemory: 128 * MB, maxQueue: 4 });
      const other = new RequestReader(files, shared, silentLogger);
      const source = { type: "file", file_id: "file_1" };
      const request = {
        model: "haiku",
        max_tokens: 1,
        messages: [{ role: "user", content: [{ type: "image", source }] }],
      };
      const text = JSON.stringify(request);
      const all = [
        { value: request, text },
        { bytes: new TextEncoder().encode(text) },
        { bytes: new TextEncoder().encode(TEXT) },
      ];
      const read = await Promise.all(
        all
          .map(async (body) => {
            const hold = await shared.acquire(30 * MB, signal, inBatch);
            return other.message(body, { ...reading, inBatch }, { signal, hold });
          })
          .map((message) =>
            message.then(async (one) => {
              const { turn } = await one.prepared;
              one.release();
              return turn.model;
            }),
          ),
      );
      expect(read).toEqual(["haiku", "haiku", "sonnet"]);
      await expect.poll(() => shared.held).toBe(0);
      await other.close();
    },
  );

  it("frees its bytes when it is released", async () => {
    const read = await onThread(TEXT);
    const { turn } = await read.prepared;
    read.release();
    expect(() => (turn as OverlayRequest & { body: EncodedText }).body.literal).toThrow("dropped");
  });

  it("is read on a new thread after the last one has ended idle", async () => {
    const thread = new ReaderThread({ idleTime: 1 });
    const other = new RequestReader(files, memory, silentLogger, thread);
    for (let i = 0; i < 2; i++) {
      await other.element(new TextEncoder().encode('{"custom_id":"a","params":{}}'), signal);
      await expect.poll(() => thread.isRunning).toBe(false);
    }
    await other.close();
  });

  it("is neither read nor kept if its client disconnects while it waits for the thread", async () => {
    const other = new RequestReader(files, memory, silentLogger);
    const long = new TextEncoder().encode(TEXT.replace("Be brief.", "x".repeat(8 * 1024 * 1024)));
    const first = other.message({ bytes: long }, reading, { signal });
    const client = new AbortController();
    const bytes = new TextEncoder().encode(TEXT);
    const order: string[] = [];
    const left = other.message({ bytes }, reading, { signal: client.signal }).finally(() => order.push("left"));
    client.abort(new Error("The client has left."));
    await expect(left).rejects.toThrow("The client has left.");
    await first.then(() => order.push("first"));
    expect(order).toEqual(["left", "first"]);
    const next = await other.message({ bytes: new TextEncoder().encode(TEXT) }, reading, { signal });
    expect(next.model).toBe("sonnet");
    // the thread's bytes were transferred
    expect(bytes).not.toHaveLength(0);
    await other.close();
  });

  it("frees the thread if its client disconnects while it is read, and keeps queued bodies", async () => {
    let get: FileSource["get"] = files.get;
    const asked = new Promise<void>((resolve) => {
      get = () => {
        resolve();
        return new Promise<never>(() => {});
      };
    });
    const stuck: FileSource = { ...files, get };
    const ample = new BodyMemory({ maxBodyMemory: 128 * MB, maxQueue: 4 });
    const other = new RequestReader(stuck, ample, silentLogger, new ReaderThread({ maxAfterAbort: 0 }));
    const source = { type: "file", file_id: "file_1" };
    const request = {
      model: "haiku",
      max_tokens: 1,
      messages: [{ role: "user", content: [{ type: "image", source }] }],
    };
    const client = new AbortController();
    const left = await other.message({ value: request, text: JSON.stringify(request) }, reading, {
      signal: client.signal,
    });
    await asked;
    const waiting = [1, 2].map(() => other.message({ bytes: new TextEncoder().encode(TEXT) }, reading, { signal }));
    client.abort(new Error("The client has left."));
    await expect(left.prepared).rejects.toThrow("The client has left.");
    expect((await Promise.all(waiting)).map(({ model }) => model)).toEqual(["sonnet", "sonnet"]);
    await other.close();
  });

  it("keeps the thread if it is read soon after its client disconnects", async () => {
    const threads: Worker[] = [];
    const started = (worker: Worker) => threads.push(worker);
    process.on("worker", started);
    const other = new RequestReader(files, memory, silentLogger, new ReaderThread({ maxAfterAbort: 1e6 }));
    const client = new AbortController();
    const long = new TextEncoder().encode(TEXT.replace("Be brief.", "x".repeat(1024 * 1024)));
    const left = other.message({ bytes: long }, reading, { signal: client.signal });
    // transferred to the thread
    await expect.poll(() => long.length, { timeout: 30_000 }).toBe(0);
    client.abort(new Error("The client has left."));
    await expect(left).rejects.toThrow("The client has left.");
    await other.message({ bytes: new TextEncoder().encode(TEXT) }, reading, { signal });
    expect(threads).toHaveLength(1);
    process.off("worker", started);
    await other.close();
  });

  it("is read on a new thread after the last one has failed idle", async () => {
    const threads: Worker[] = [];
    const thread = new ReaderThread();
    const other = new RequestReader(files, memory, silentLogger, thread);
    process.on("worker", (worker) => threads.push(worker));
    for (let i = 0; i < 2; i++) {
      await other.element(new TextEncoder().encode('{"custom_id":"a","params":{}}'), signal);
      await threads.at(-1)?.terminate();
    }
    expect(threads).toHaveLength(2);
    await other.close();
  });

  it("is rejected if it needs too much memory to read, and the next one is read", async () => {
    const small = new RequestReader(files, memory, silentLogger, new ReaderThread({ maxHeap: 16 }));
    const huge = `{"x":[${Array(150_000).fill('{"a":[],"b":[{}]}').join()}]}`;
    await expect(small.message({ bytes: new TextEncoder().encode(huge) }, reading, { signal })).rejects.toMatchObject({
      status: 400,
      message: "Send a smaller request body: this one needs too much memory to read.",
    });
    const next = await small.message({ bytes: new TextEncoder().encode(TEXT) }, reading, { signal });
    expect(next.model).toBe("sonnet");
    await small.close();
  });
});
