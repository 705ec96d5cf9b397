import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type JsonLine, readJsonLines } from "../../../src/storage/jsonLines.ts";

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "claude-virtual-api-lines-"));
});
afterEach(() => rm(path, { recursive: true }));

async function read(content: string | Buffer): Promise<JsonLine<unknown>[]> {
  const file = join(path, "lines.jsonl");
  await writeFile(file, content);
  const all: JsonLine<unknown>[] = [];
  for await (const line of readJsonLines(file)) all.push(line);
  return all;
}

describe("readJsonLines", () => {
  it("yields each line with the offset of its end", async () => {
    expect(await read('{"a":1}\n"Grüße"\n[]\n')).toEqual([
      { value: { a: 1 }, end: 8 },
      { value: "Grüße", end: 18 },
      { value: [], end: 21 },
    ]);
  });

  it("splits only at newlines, across chunks", async () => {
    const long = "\u2028é".repeat(100_000);
    const [first, second, none] = await read(`${JSON.stringify(long)}\n5\n`);
    expect(first?.value).toBe(long);
    expect(second).toEqual({ value: 5, end: Buffer.byteLength(long) + 5 });
    expect(none).toBeUndefined();
  });

  it("skips an incomplete last line, wherever it is cut off", async () => {
    const whole = Buffer.from('{"a":1}\n{"b":"é"}\n');
    for (let length = 0; length < whole.length; length++) {
      const expected = length < 8 ? [] : [{ value: { a: 1 }, end: 8 }];
      expect(await read(whole.subarray(0, length))).toEqual(expected);
    }
    expect(await read(whole)).toHaveLength(2);
  });

  it("fails at a line that is not JSON", async () => {
    await expect(read("{}\n{torn\n{}\n")).rejects.toThrow(SyntaxError);
  });

  it("fails if there is no file", async () => {
    await expect(readJsonLines(join(path, "none")).next()).rejects.toMatchObject({ code: "ENOENT" });
  });
});
