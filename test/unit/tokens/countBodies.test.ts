import type { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import { encodePieces } from "../../../src/claude/protocol/codec.ts";
import { EncodedJson } from "../../../src/claude/protocol/encodedJson.ts";
import { BodyMemory } from "../../../src/messages/bodyMemory.ts";
import type { FileSource } from "../../../src/messages/inlineFiles.ts";
import { RequestReader } from "../../../src/messages/requestReader.ts";
import type { CountableRequest } from "../../../src/tokens/tokenCounter.ts";
import { silentLogger } from "../../support/silentLogger.ts";

const file = { id: "file_1", filename: "a.txt", mime_type: "text/plain", size_bytes: 12 };
const files: FileSource = { get: async () => file, content: async () => Buffer.from("Twelve bytes") };
const memory = new BodyMemory({ maxBodyMemory: 128 * 1024 * 1024, maxQueue: 1 });
const threads: Worker[] = [];
const started = (thread: Worker) => threads.push(thread);
process.on("worker", started);
const reader = new RequestReader(files, memory, silentLogger);
afterAll(async () => {
  process.off("worker", started);
  await reader.close();
});

const reading = {
  version: "2023-06-01",
  betas: [],
  modelMap: { sonnet: "claude-sonnet-4-5" },
  transport: "overlay",
} as const;
const { signal } = new AbortController();
const read = (body: Parameters<RequestReader["count"]>[0]) => reader.count(body, reading, { signal });
const here = (body: object) => read({ value: JSON.parse(JSON.stringify(body)), text: JSON.stringify(body) });
const onThread = (body: object) => read({ bytes: new TextEncoder().encode(JSON.stringify(body)) });

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const text = (value: string) => ({ type: "text", text: value });
const conversation = (total: number) =>
  Array.from({ length: total }, (_, n) => (n % 2 === 0 ? user([text(`${n}`)]) : assistant([text(`${n}`)])));
const calls = (input: object) => [
  user("Look"),
  assistant([{ type: "tool_use", id: "toolu_1", name: "look", input }]),
  user([{ type: "tool_result", tool_use_id: "toolu_1", content: "Seen" }]),
];
const tool = (name: string) => ({ name, description: "Looks", input_schema: { type: "object", properties: {} } });
const keys = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`k${n}`, n]));

/** The text written to the CLI. */
function lineOf(value: unknown): string {
  const pieces = encodePieces({ type: "x", value });
  return pieces.map((piece) => (typeof piece === "string" ? piece : Buffer.from(piece).toString())).join("");
}

async function given({ model, question, estimate }: CountableRequest) {
  const { system, tools, history, ...rest } = (await question()) ?? {};
  return { model, rest, line: lineOf({ system, tools, history }), estimated: await estimate() };
}

describe("a count whose body is read on the thread", () => {
  it.each<[string, object, string | undefined]>([
    ["a text", { messages: [user("\ud800 é \u2028")] }, "exact"],
    ["calls of tools", { messages: calls({ __proto__: null, a: -0, b: { c: 1e300 } }) }, "exact"],
    ["a system prompt and tools", { system: [text("Be brief.")], tools: [tool("a"), tool("padding_1")] }, "sum"],
    ["parts that the counter does not get", { tools: [tool("a"), { ...tool("b"), strict: true }] }, "estimate"],
    ["2,000 messages", { messages: conversation(2000) }, "exact"],
    ["more messages", { messages: conversation(2001) }, undefined],
  ])("gives what it gives when it is read here: %s", async (_name, body, precision) => {
    const request = { model: "sonnet", messages: [user("Hi")], ...body };
    const [one, other] = [await here(request), await onThread(request)];
    expect(await given(other)).toEqual(await given(one));
    expect((await other.question())?.precision).toBe(precision);
  });

  it("has the content of its files, also for an estimate", async () => {
    const source = { type: "file", file_id: "file_1" };
    const inline = { type: "text", media_type: "text/plain", data: "Twelve bytes" };
    const request = (document: object) => ({
      model: "sonnet",
      messages: [user([{ type: "document", source: document }])],
    });
    expect(await given(await here(request(source)))).toEqual(await given(await here(request(inline))));
    expect(memory.held).toBe(0);
  });

  it.each<[string, object]>([
    ["a large text", { messages: [user("x".repeat(1e6))] }],
    ["a large system prompt", { system: "x".repeat(1e6), messages: [user("Hi")] }],
    ["many tools", { tools: Array.from({ length: 5000 }, (_, n) => tool(`tool_${n}`)), messages: [user("Hi")] }],
    ["many keys", { messages: calls(keys) }],
    ["many messages in a row", { messages: Array.from({ length: 50_000 }, () => user([text("Hi")])) }],
    ["more messages than the counter gets", { messages: conversation(50_000) }],
  ])("comes back and goes to the CLI as bytes: %s", async (_name, body) => {
    let received = 0;
    const receive = (message: unknown) => {
      received += sizeOf(message);
    };
    await onThread({ model: "sonnet", messages: [user("Hi")] });
    threads.at(-1)?.on("message", receive);
    const question = await (await onThread({ model: "sonnet", ...body })).question();
    threads.at(-1)?.off("message", receive);
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThan(10_000);
    const { system, tools, history = [] } = question ?? {};
    const parts = [system, tools, ...history.map(({ content }) => content)].filter(
      (part) => part instanceof EncodedJson,
    );
    const pieces = encodePieces({ type: "x", parts });
    expect(pieces.filter((piece) => typeof piece !== "string")).toEqual(parts.map(({ literal }) => literal));
    expect(Math.max(...pieces.map((piece) => (typeof piece === "string" ? piece.length : 0)))).toBeLessThan(1000);
  });
});

describe("a count of the client's own text", () => {
  const rewritten = (body: Parameters<RequestReader["count"]>[0]) =>
    reader.count(body, { ...reading, betas: ["a-beta", "files-api-2025-04-14"], transport: "rewrite" }, { signal });
  const both = (body: string) =>
    Promise.all([
      rewritten({ value: JSON.parse(body), text: body }),
      rewritten({ bytes: new TextEncoder().encode(body) }),
    ]);

  it("passes on that text except the model, wherever it is read", async () => {
    const fields = String.raw`"x": 1.0 , "messages":[{"role":"user","content":"\ud83d"}],"max_tokens":12345678901234567890`;
    for (const { model, exact } of await both(`{"model":"sonnet","x":2,${fields}}`)) {
      expect([model, exact?.model]).toEqual(["sonnet", "claude-sonnet-4-5"]);
      const line = JSON.parse(lineOf(exact?.instruction)).value;
      expect(line.split("\u0001")).toEqual([
        expect.stringContaining('{"betas":["a-beta"]}'),
        fields.replace(" , ", ","),
      ]);
    }
  });

  it("takes the overlay if that text cannot be counted", async () => {
    const body = { messages: [user("Hi"), user("there")], tools: [tool("a")] };
    for (const again of await both(JSON.stringify({ model: "sonnet", ...body }))) {
      const { model: _, ...expected } = await given(await here({ model: "claude-sonnet-4-5", ...body }));
      expect(await given(again)).toEqual({ model: "sonnet", ...expected });
    }
  });

  it("is then rejected for what upstream would count differently", async () => {
    const body = { model: "sonnet", max_tokens: 1, messages: [user("Hi")] };
    for (const { question, estimate } of await both(JSON.stringify(body))) {
      const expected = { status: 400, message: "max_tokens: Extra inputs are not permitted" };
      await expect(question()).rejects.toMatchObject(expected);
      await expect(estimate()).rejects.toMatchObject(expected);
    }
  });
});

/** Values and characters that the event loop must copy to receive a message. Bytes are transferred. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return 1;
  return Object.entries(value).reduce((size, [key, each]) => size + key.length + sizeOf(each), 1);
}
