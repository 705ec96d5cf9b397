import { describe, expect, it } from "vitest";
import { parseJson } from "../../../src/api/parseJson.ts";
import { JsonArraySplitter } from "../../../src/batches/jsonArraySplitter.ts";
import { decode } from "../../../src/messages/readRequest.ts";
import { Random } from "../../support/random.ts";

/** Splits a body that arrives in these chunks. */
function cut(pieces: Iterable<Uint8Array>): Record<string, unknown>[] {
  const splitter = new JsonArraySplitter();
  const found: Record<string, unknown>[] = [];
  for (const piece of pieces)
    found.push(...splitter.write(piece).map((text) => parseJson(decode(text)) as (typeof found)[0]));
  splitter.end();
  return found;
}

const whole = (text: string) => cut([Buffer.from(text)]);

/** Random JSON text, with blanks and escapes wherever they are allowed. */
class Writer {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  body(): { elements: string[]; bytes: Buffer } {
    const elements = Array.from({ length: this.#random.below(8) }, () => this.#object(4));
    const list = elements.map((element) => this.#apart(element)).join(",");
    const text = this.#apart(`{${this.#apart('"requests"')}:${this.#apart(`[${list || this.#blank()}]`)}}`);
    return { elements, bytes: Buffer.from(text) };
  }

  pieces(bytes: Buffer): Iterable<Buffer> {
    return this.#random.pieces(bytes, [1, 3, 40, 4000][this.#random.below(4)]!);
  }

  #object(depth: number): string {
    const names = ["requests", "__proto__", "constructor", "2", "1", "", "a"];
    const member = () => {
      const name = this.#random.below(2) === 0 ? names[this.#random.below(names.length)]! : this.#random.text(5);
      return `${this.#apart(this.#string(name))}:${this.#apart(this.#value(depth - 1))}`;
    };
    return `{${Array.from({ length: this.#random.below(5) }, member).join(",") || this.#blank()}}`;
  }

  #value(depth: number): string {
    const numbers = ["0", "-0", "1e400", "-1.5E-7", "12345678901234567890", "0.1", "7e+2"];
    const kind = this.#random.below(depth > 0 ? 6 : 4);
    if (kind === 0) return this.#string(this.#random.text(12));
    if (kind === 1) return numbers[this.#random.below(numbers.length)]!;
    if (kind === 2) return ["true", "false", "null", '""'][this.#random.below(4)]!;
    if (kind === 3) return this.#string('}]{["\\,:');
    if (kind === 4) return this.#object(depth);
    const items = Array.from({ length: this.#random.below(4) }, () => this.#apart(this.#value(depth - 1)));
    return `[${items.join(",") || this.#blank()}]`;
  }

  /** A string with random escapes. */
  #string(value: string): string {
    const plain = JSON.stringify(value);
    if (this.#random.below(3) > 0) return plain;
    const escaped = (unit: number) => `\\u${unit.toString(16).padStart(4, "0")}`;
    return `"${Array.from({ length: value.length }, (_, at) => escaped(value.charCodeAt(at))).join("")}"`;
  }

  #apart(text: string): string {
    return this.#blank() + text + this.#blank();
  }

  #blank(): string {
    return ["", "", "", " ", "\n", "\r\n\t "][this.#random.below(6)]!;
  }
}

describe("JsonArraySplitter: the elements of a body", () => {
  const seeds = Array.from({ length: 300 }, (_, seed) => seed);

  it("equal what JSON.parse returns, in the same key order, however the body is chunked", () => {
    let compared = 0;
    for (const seed of seeds) {
      const writer = new Writer(seed);
      const { elements, bytes } = writer.body();
      const found = cut(writer.pieces(bytes));
      // compared as text, because key order and members named __proto__ matter
      const expected = elements.map((element) => JSON.stringify(JSON.parse(element)));
      expect(
        found.map((element) => JSON.stringify(element)),
        `seed ${seed}`,
      ).toEqual(expected);
      compared += elements.length;
    }
    expect(compared).toBeGreaterThan(seeds.length);
  });

  it("are returned as soon as they are complete", () => {
    const splitter = new JsonArraySplitter();
    const write = (text: string) => splitter.write(Buffer.from(text)).map((element) => parseJson(decode(element)));
    expect(write('{"requests": [{"a": {"b')).toEqual([]);
    expect(write('": 1}}')).toEqual([{ a: { b: 1 } }]);
    expect(write(",{},{}, {")).toEqual([{}, {}]);
    expect(write("}")).toEqual([{}]);
    expect(write("]}")).toEqual([]);
    splitter.end();
  });

  it("are found after a byte order mark, even if it is split", () => {
    const bytes = Buffer.from('\ufeff{"requests":[{"a":"ä"},{"b":[1]}]}');
    expect(cut([bytes])).toEqual([{ a: "ä" }, { b: [1] }]);
    expect(cut([...bytes].map((byte) => Buffer.from([byte])))).toEqual([{ a: "ä" }, { b: [1] }]);
  });

  it("keep line separators and split characters", () => {
    const bytes = Buffer.from('{"requests":[{"a":"\u2028\u2029😀é"}]}');
    expect(cut([...bytes].map((byte) => Buffer.from([byte])))).toEqual([{ a: "\u2028\u2029😀é" }]);
  });

  it("may have a member named requests", () => {
    expect(whole('{"requests":[{"requests":[{"requests":[]}]}]}')).toEqual([{ requests: [{ requests: [] }] }]);
  });
});

describe("JsonArraySplitter: a malformed body", () => {
  it("is rejected wherever it is cut off", () => {
    const text = '{"requests":[{"a":[1,{"b":"c\\n"}]},{}]}';
    for (let length = 0; length < text.length; length++) {
      expect(() => whole(text.slice(0, length)), text.slice(0, length)).toThrow(
        expect.objectContaining({ status: 400, message: expect.stringContaining("JSON") }),
      );
    }
    expect(whole(text)).toHaveLength(2);
  });

  it.each([
    ['{"requests":[{"a":01}]}', /JSON/],
    ['{"requests":[{"a":.5}]}', /JSON/],
    ['{"requests":[{"a":+5}]}', /JSON/],
    ['{"requests":[{"a":NaN}]}', /JSON/],
    ['{"requests":[{"a":"\n"}]}', /JSON/],
    ['{"requests":[{"a":"\\x"}]}', /JSON/],
    ['{"requests":[{"a" 1}]}', /JSON/],
    ['{"requests":[{"a":1,}]}', /JSON/],
    ['{"requests":[{a:1}]}', /JSON/],
    ['{"requests":[{]}]}', /JSON/],
    ['{"requests":[{}}', /JSON/],
    ['{"requests":[{}]]', /JSON/],
    ['{"requests":[{}]}]', /JSON/],
    ['{"requests":[{}]}\u0000', /JSON/],
    ['{"requests"::[]}', /JSON|requests/],
    ['{"requests":[{}],"requests":[{}]}', "requests: Extra inputs are not permitted"],
    ['{"Requests":[]}', "Requests: Extra inputs are not permitted"],
    ['{"requests":[[]]}', /^requests\.0: Input should be a valid dictionary/],
    ['{"requests":[{},"a"]}', /^requests\.1: Input should be a valid dictionary/],
  ])("is rejected: %j", (text, message) => {
    const said = typeof message === "string" ? message : expect.stringMatching(message);
    const refusal = expect.objectContaining({ status: 400, type: "invalid_request_error", message: said });
    expect(() => whole(text)).toThrow(refusal);
    expect(() => cut([...Buffer.from(text)].map((byte) => Buffer.from([byte])))).toThrow(refusal);
  });

  it.each([[Buffer.from([0xff])], [Buffer.from([0xc3])], [Buffer.from([0xed, 0xa0, 0x80])]])(
    "is rejected if a string is not UTF-8: %j",
    (bytes) => {
      const body = Buffer.concat([Buffer.from('{"requests":[{"a":"'), bytes, Buffer.from('"}]}')]);
      expect(() => cut([body])).toThrow(expect.objectContaining({ status: 400 }));
    },
  );

  it("is rejected when an element exceeds the size limit, before all of it has arrived", () => {
    const splitter = new JsonArraySplitter();
    const megabyte = Buffer.alloc(1024 * 1024, "x");
    splitter.write(Buffer.from('{"requests":[{"a":"'));
    const fill = () => {
      for (let n = 0; n < 33; n++) splitter.write(megabyte);
    };
    expect(fill).toThrow(expect.objectContaining({ status: 413, type: "request_too_large" }));
  });

  it("may have an element of exactly that size", () => {
    const limit = 32 * 1024 * 1024;
    const sized = (size: number) => `{"requests":[{"a":"${"x".repeat(size - '{"a":""}'.length)}"}]}`;
    expect(whole(sized(limit))).toHaveLength(1);
    expect(() => whole(sized(limit + 1))).toThrow(expect.objectContaining({ status: 413 }));
  });
});
