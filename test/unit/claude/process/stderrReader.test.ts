import { describe, expect, it } from "vitest";
import { StderrReader } from "../../../../src/claude/process/stderrReader.ts";
import { collect } from "../../../support/streams.ts";

const MEGABYTE = 1024 * 1024;

function reading(source: () => AsyncGenerator<Buffer>) {
  const drops = { count: 0 };
  const reader = new StderrReader(source(), () => {
    drops.count += 1;
  });
  return { reader, drops };
}

describe("StderrReader", () => {
  it("yields lines", async () => {
    const { reader, drops } = reading(async function* () {
      yield Buffer.from("one\ntw");
      yield Buffer.from("o\n");
    });
    expect(await collect(reader.lines())).toEqual(["one", "two"]);
    expect(drops.count).toBe(0);
  });

  it("cuts a long line, and reads on after it", async () => {
    const { reader } = reading(async function* () {
      for (let megabytes = 0; megabytes < 5; megabytes++) yield Buffer.alloc(MEGABYTE, "x");
      yield Buffer.from("\nnext\n");
    });
    const [long, ...rest] = await collect(reader.lines());
    expect(long).toBe("x".repeat(MEGABYTE));
    expect(rest).toEqual(["next"]);
  });

  it.each([
    ["bytes", Buffer.alloc(MEGABYTE, "x"), 300],
    ["lines", Buffer.from("line\n".repeat(1000)), 1000],
  ])("drops excess %s, and reads again after a reset", async (_what, chunk, count) => {
    const { reader, drops } = reading(async function* () {
      for (let given = 0; given < count; given++) yield chunk;
      reader.reset();
      yield Buffer.from("\nafter\n");
    });
    const lines = await collect(reader.lines());
    expect(lines.length).toBeLessThan(25_000);
    expect(lines.reduce((sum, line) => sum + line.length, 0)).toBeLessThan(10 * MEGABYTE);
    expect(lines.at(-1)).toBe("after");
    expect(drops.count).toBe(1);
  });
});
