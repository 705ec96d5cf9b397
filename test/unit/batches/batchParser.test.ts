import { describe, expect, it } from "vitest";
import { BatchParser, SMALL_ELEMENT_BYTES } from "../../../src/batches/batchParser.ts";
import { Slices } from "../../../src/shared/slices.ts";
import { itThorough } from "../../support/full.ts";
import { collect, from } from "../../support/streams.ts";

/** Parses a body into lines. */
async function linesOf(body: string, size = body.length): Promise<string[]> {
  const bytes = Buffer.from(body);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
    bytes.subarray(n * size, (n + 1) * size),
  );
  const written = Buffer.concat(await collect(new BatchParser(signal).lines(from(pieces)))).toString();
  expect(written.endsWith("\n")).toBe(true);
  return written.slice(0, -1).split("\n");
}

const { signal } = new AbortController();
const requests = (...items: string[]) => `{"requests":[${items.join(",")}]}`;

describe("BatchParser", () => {
  it.each([1, 7, 1000])("turns each request into a line, in chunks of %i bytes", async (size) => {
    const body = requests(
      '{"custom_id":"a","params":{"b":1,"a":[2]}}',
      '{ "params" : {"x":"\\n"} , "custom_id":"b-_9" }',
    );
    const expected = ['{"custom_id":"a","params":{"b":1,"a":[2]}}', '{"custom_id":"b-_9","params":{"x":"\\n"}}'];
    expect(await linesOf(body, size)).toEqual(expected);
  });

  it("keeps members named like built-in properties, and line separators", async () => {
    const params = '{"__proto__":{"a":1},"constructor":null,"text":"\u2028"}';
    expect(await linesOf(requests(`{"custom_id":"a","params":${params}}`))).toEqual([
      `{"custom_id":"a","params":${params}}`,
    ]);
  });

  it("accepts ids of any allowed form, including names of built-in properties", async () => {
    const ids = ["x".repeat(64), "-", "_", "0", "__proto__", "constructor", "toString"];
    const lines = await linesOf(requests(...ids.map((id) => `{"custom_id":"${id}","params":{}}`)));
    expect(lines.map((line) => JSON.parse(line).custom_id)).toEqual(ids);
  });

  // badBatches.test.ts sends one too many to a server
  itThorough("accepts 100,000 requests, and rejects one more", async () => {
    const many = (count: number) =>
      requests(...Array.from({ length: count }, (_, n) => `{"custom_id":"${n}","params":{}}`));
    const parser = new BatchParser(signal);
    await collect(parser.lines(from([Buffer.from(many(100_000))])));
    expect(parser.count).toBe(100_000);
    await expect(linesOf(many(100_001))).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("100000"),
    });
  });

  it("lets the event loop run within a large piece of a body", async () => {
    let now = 0;
    let pauses = 0;
    const pause = async () => {
      pauses += 1;
    };
    const slices = new Slices(signal, pause, () => (now += 5));
    const many = Array.from({ length: 10_000 }, (_, n) => `{"custom_id":"${n}","params":{}}`);
    const body = Buffer.from(requests(...many));
    await collect(new BatchParser(signal, slices).lines(from([body])));
    expect(pauses).toBeGreaterThan(body.length / (64 * 1024));
  });

  it("stops reading a large element when the client disconnects", async () => {
    const client = new AbortController();
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const read = (_bytes: Uint8Array, gone: AbortSignal) =>
      new Promise<never>((_, reject) => {
        gone.addEventListener("abort", () => reject(gone.reason), { once: true });
        begin();
      });
    const parser = new BatchParser(client.signal, undefined, read);
    const element = `{"custom_id":"a","params":{"x":"${"x".repeat(SMALL_ELEMENT_BYTES)}"}}`;
    const taken = collect(parser.lines(from([Buffer.from(requests(element))])));
    await begun;
    client.abort(new Error("The client has left."));
    await expect(taken).rejects.toThrow("The client has left.");
  });

  it("names the position of what it rejects", async () => {
    const good = '{"custom_id":"a","params":{}}';
    await expect(linesOf(requests(good, good.replace("a", "b"), good))).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/^requests\.2\.custom_id: .*'a'/),
    });
  });

  it("rethrows the error of the body", async () => {
    async function* broken() {
      yield Buffer.from('{"requests":[{"custom_id":"a","params":{}}');
      throw new Error("cut");
    }
    await expect(collect(new BatchParser(signal).lines(broken()))).rejects.toThrow("cut");
  });
});
