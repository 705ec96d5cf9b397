import { Readable } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { textOf } from "../../../../src/api/exactJson.ts";
import { type CliMessage, encode, encodePieces, readMessages } from "../../../../src/claude/protocol/codec.ts";
import { literalOf } from "../../../../src/claude/protocol/encodedJson.ts";
import { EncodedText } from "../../../../src/claude/transport/overlay/encodedText.ts";
import { byteLines, splitLines } from "../../../../src/shared/lines.ts";
import { Random } from "../../../support/random.ts";
import { collect, from } from "../../../support/streams.ts";

const bytes = (...texts: string[]) => texts.map((text) => Buffer.from(text));
/** The messages of an output; other lines go to `stray`. */
async function messages(chunks: AsyncIterable<Buffer>, stray: string[] = []): Promise<CliMessage[]> {
  const heard: CliMessage[] = [];
  // a clock on which chunks are far apart: the reader collects those of a burst for 5 ms
  let now = 0;
  using _clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 1000));
  await readMessages(Readable.from(chunks), {
    onMessage: (message) => void heard.push(message),
    onStrayLine: (line) => stray.push(line),
  });
  return heard;
}
const linesOf = (...texts: string[]) => collect(splitLines(from(bytes(...texts))));

describe("lines", () => {
  it.each<[string, string[], string[]]>([
    ["splits at a line feed", ["a\nb\n"], ["a", "b"]],
    ["joins a line from several chunks", ["a", "b", "", "c\nd", "\n"], ["abc", "d"]],
    ["keeps Unicode separators inside a line", ["a\u2028b\u2029c\u0085d\n"], ["a\u2028b\u2029c\u0085d"]],
    ["keeps carriage returns", ["a\rb\r\n"], ["a\rb\r"]],
    ["keeps a byte order mark", ["\ufeffa\n"], ["\ufeffa"]],
    ["yields empty lines", ["\n\na\n", "\n"], ["", "", "a", ""]],
    ["drops an incomplete last line", ["a\nb", "c"], ["a"]],
    ["yields nothing for an empty chunk", [""], []],
  ])("%s", async (_rule, chunks, expected) => {
    expect(await linesOf(...chunks)).toEqual(expected);
  });

  it("decodes a character split across chunks", async () => {
    const text = "é€😀\u2028\n😀é\n";
    const whole = Buffer.from(text);
    for (let cut = 0; cut <= whole.length; cut++) {
      const split = [whole.subarray(0, cut), whole.subarray(cut)];
      expect(await collect(splitLines(from(split))), `cut at ${cut}`).toEqual(["é€😀\u2028", "😀é"]);
    }
    const single = Array.from(whole, (byte) => Buffer.of(byte));
    expect(await collect(splitLines(from(single)))).toEqual(["é€😀\u2028", "😀é"]);
  });

  it("accepts a line of exactly the limit, and counts each line separately", async () => {
    const chunks = bytes("12345", "67890", "\n", "12345", "67890\n");
    expect(await collect(splitLines(from(chunks), 10))).toEqual(["1234567890", "1234567890"]);
  });

  it("counts the limit in bytes", async () => {
    await expect(collect(splitLines(from(bytes("€€€", "€")), 11))).rejects.toThrow("longer than 11 bytes");
  });

  it("rejects a line over the limit before its end arrives", async () => {
    let chunks = 0;
    async function* endless() {
      for (;;) {
        chunks += 1;
        yield Buffer.alloc(4, "a");
      }
    }
    await expect(collect(splitLines(endless(), 10))).rejects.toThrow("longer than 10 bytes");
    expect(chunks).toBe(3);
  });
});

describe("the limit of a line", () => {
  it.each([[["12345678901\n"]], [["123456", "78901\n"]]])(
    "applies to %j, where the end arrives with the line",
    async (chunks) => {
      const pieces = from(chunks.map((chunk) => Buffer.from(chunk)));
      await expect(collect(splitLines(pieces, 10))).rejects.toThrow("longer than 10 bytes");
    },
  );
});

describe("readMessages", () => {
  it("yields objects with a type, and reports all other non-blank lines", async () => {
    const stray = ["warning: something", "[1]", "null", "42", '"text"', '{"no":"type"}', '{"type":5}', '{"type":"x"'];
    const source = ['{"type":"a","n":1}', "", "  ", ...stray, '{"type":"b"}\r', ""].join("\n");
    const reported: string[] = [];
    const read = await messages(from(bytes(source)), reported);
    expect(read).toEqual([{ type: "a", n: 1 }, { type: "b" }]);
    expect(reported).toEqual(stray);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("decodes what was encoded, in any chunks (seed %i)", async (seed) => {
    const random = new Random(seed);
    const sent: CliMessage[] = Array.from({ length: 40 }, () => ({
      type: random.text(3),
      text: random.text(60),
      [random.text(5)]: [{ deep: random.text(20) }],
    })).map((message) => ({ ...message, type: `t${message.type}` }));
    const whole = Buffer.from(sent.map(encode).join(""));
    const stray: string[] = [];
    const pieces = random.pieces(whole, 1 + random.below(30));
    expect(await messages(from(pieces), stray)).toEqual(sent);
    expect(stray).toEqual([]);
  });
});

describe("the text of an event", () => {
  const read = async (line: string) => (await messages(from(bytes(`${line}\n`))))[0]!;
  const around = ',"session_id":"a","parent_tool_use_id":null,"uuid":"b","ttft_ms":12.5}';
  const head = '{"type":"stream_event","event":';

  it.each([
    '{"type":"x","2":1,"1":2}',
    '{"type":"x","n":12345678901234567890,"m":1.0,"e":1e2}',
    '{"type":"x","text":"},\\"session_id\\":\\"a\\"} \\ud83d \u2028 \\u2028"}',
    '{"type":"x","delta":{"text":"}}}{"},"usage":{"a":[{}]}}',
  ])("is kept: %s", async (text) => {
    const message = await read(head + text + around);
    expect(message).toEqual(JSON.parse(head + text + around));
    expect(textOf(message.event)).toBe(text);
    expect(textOf((await read(`${head}${text}}`)).event)).toBe(text);
  });

  it.each([
    ["an object next to the event", `${head}{"type":"x"},"abandoned_blocks":[{"a":1}]}`],
    ["a second event", `${head}{"type":"x"},"event":{"type":"y"}}`],
    ["another field sequence", '{"type":"stream_event","uuid":"b","event":{"type":"x"}}'],
    ["the event first", '{"event":{"type":"x"},"type":"stream_event"}'],
    ["blanks", '{"type":"stream_event", "event":{"type":"x"}}'],
    ["a carriage return", `${head}{"type":\r"x"}}`],
    ["no event", `${head}null}`],
    ["a text", `${head}"}"}`],
  ])("is not kept for a line with %s", async (_what, line) => {
    const message = await read(line);
    expect(message).toEqual(JSON.parse(line));
    if (message.event) expect(textOf(Object(message.event))).toBeUndefined();
  });
});

describe("encode", () => {
  it("encodes a message as one line, with any text in it", () => {
    const line = encode({ type: "user", text: "a\nb\r\n\u2028" });
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toEqual({ type: "user", text: "a\nb\r\n\u2028" });
  });
});

describe("encodePieces", () => {
  it("produces the same line with encoded texts, without copying them", () => {
    const texts = ['{"a":"\ud83d \u2028 \\"}', "é".repeat(1000), ""];
    const message = (wrapped: (text: string) => unknown) => ({
      type: "control_request",
      settings: { before: "x", env: { one: wrapped(texts[0]!), two: wrapped(texts[1]!), none: wrapped(texts[2]!) } },
    });
    const literals: Uint8Array[] = [];
    const pieces = encodePieces(
      message((text) => {
        const literal = literalOf(text);
        literals.push(literal);
        return new EncodedText(literal, {});
      }),
    );
    const line = Buffer.concat(pieces.map((piece) => Buffer.from(piece as Buffer))).toString();
    expect(line).toBe(encode(message((text) => text)));
    expect(pieces.filter((piece) => typeof piece !== "string")).toEqual(literals);
  });
});

describe("a flood of lines", () => {
  it("lets the event loop run", async () => {
    let turns = 0;
    const count = () => {
      turns += 1;
      ticking = setImmediate(count);
    };
    let ticking = setImmediate(count);
    // an end, so that the test can fail
    const most = 20_000;
    async function* flood() {
      for (let n = 0; n < most && turns < 3; n++) yield Buffer.from("x\n".repeat(1000));
    }
    await collect(splitLines(flood()));
    clearImmediate(ticking);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

describe("a cut line", () => {
  const cut = (...texts: string[]) => collect(byteLines(from(bytes(...texts)), { limit: 4, overlong: "cut" }));
  it.each<[string[], string[]]>([
    [["12345678\nab\n"], ["1234", "ab"]],
    [
      ["12", "34", "56\nab\n"],
      ["1234", "ab"],
    ],
    [
      ["123", "456", "789", "\n", "\n"],
      ["1234", ""],
    ],
    [
      ["1234\n1234", "\n"],
      ["1234", "1234"],
    ],
  ])("keeps its beginning: %j", async (chunks, expected) => {
    expect((await cut(...chunks)).map(String)).toEqual(expected);
  });

  it("in small pieces takes no more memory than its bytes", async () => {
    async function* drip() {
      for (let given = 0; given < 300_000; given++) yield Buffer.from("x");
      yield Buffer.from("\n");
    }
    const [line] = await collect(byteLines(drip(), { limit: 1_000_000, overlong: "fail" }));
    expect(line!.length).toBe(300_000);
    expect(line!.buffer.byteLength).toBeLessThan(1_000_000);
  });
});

describe("a long line", () => {
  const event = (value: object) => ({ type: "stream_event", event: value });
  const read = (...sent: object[]) => messages(from(bytes(...sent.map((message) => `${JSON.stringify(message)}\n`))));
  const long = "x".repeat(100_000);

  it("is skipped if it repeats an answer", async () => {
    const assistant = { type: "assistant", message: { content: [{ type: "text", text: long }] } };
    const user = { type: "user", message: { content: long } };
    expect(await read(assistant, user, event({ type: "ping" }))).toEqual([event({ type: "ping" })]);
  });

  it.each([
    { type: "assistant", message: { content: [{ type: "text", text: long }] }, is_api_error_message: true },
    { type: "assistant", message: { content: [{ type: "fallback", from: long }] } },
    { type: "result", result: long },
    event({ type: "content_block_delta", delta: { text: long } }),
  ])("is parsed if it has more (%#)", async (message) => {
    expect(await read(message)).toEqual([message]);
  });

  it("is not parsed because of the model's text", async () => {
    const text = `${long} "is_api_error_message":true,"type":"fallback"`;
    expect(await read({ type: "assistant", message: { content: [{ type: "text", text }] } })).toEqual([]);
  });

  it("with too many values throws before it is parsed", async () => {
    const values = Array.from({ length: 200_000 }, () => []);
    await expect(read(event({ type: "x", values }))).rejects.toThrow("more than 100000 values");
  });

  it("with one long text is parsed, whatever it contains", async () => {
    const message = event({ type: "content_block_delta", delta: { text: '[{,"\\'.repeat(100_000) } });
    expect(await read(message)).toEqual([message]);
  });
});
