import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { parseToolInput } from "../../../src/api/exactJson.ts";
import { Results } from "../../../src/batches/results.ts";
import { scratchDirectory } from "../../support/scratch.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const succeeded = (text: string) => ({ type: "succeeded", message: { content: [{ type: "text", text }] } }) as never;
const canceled = { type: "canceled" } as const;
const lineOf = (custom_id: string, result: object) => `${JSON.stringify({ custom_id, result })}\n`;

/** The prototype of every file handle, mocked to make the disk fail. */
async function fileMethods(path: string) {
  await using file = await open(path, "a");
  return Object.getPrototypeOf(file) as Pick<typeof file, "write" | "datasync">;
}

describe("Results", () => {
  it("counts results, and has them in the file once they are stored", async () => {
    const path = join(scratchDirectory(), "results.jsonl");
    const results = await Results.open(path);
    await results.append("a", succeeded("Grüße \u2028😀\n"));
    expect(await readFile(path, "utf8")).toBe(lineOf("a", succeeded("Grüße \u2028😀\n")));
    await results.append("b", canceled);
    await results.append("c", { type: "errored", error: {} });
    expect(results.counts).toEqual({ succeeded: 1, errored: 1, canceled: 1, expired: 0 });
    await results.close();
  });

  it("keeps tool inputs as upstream wrote them", async () => {
    const path = join(scratchDirectory(), "results.jsonl");
    const results = await Results.open(path);
    const message = { content: [{ type: "tool_use", input: parseToolInput('{"id": 1234567890123456789}') }] };
    await results.append("a", { type: "succeeded", message } as never);
    expect(await readFile(path, "utf8")).toContain('"input":{"id": 1234567890123456789}');
    await results.close();
  });

  it("continues where a previous run stopped", async () => {
    const path = join(scratchDirectory(), "results.jsonl");
    for (const id of ["a", "b", "c"]) {
      const results = await Results.open(path);
      await results.append(id, canceled);
      await results.close();
    }
    const results = await Results.open(path);
    expect([[...results.done], results.counts.canceled]).toEqual([["a", "b", "c"], 3]);
    await results.close();
  });

  it("syncs concurrent results together, in order", async () => {
    const path = join(scratchDirectory(), "results.jsonl");
    const sync = vi.spyOn(await fileMethods(path), "datasync");
    const results = await Results.open(path);
    const ids = Array.from({ length: 200 }, (_, n) => `r${n}`);
    await Promise.all(ids.map((id) => results.append(id, canceled)));
    expect(await readFile(path, "utf8")).toBe(ids.map((id) => lineOf(id, canceled)).join(""));
    expect(sync.mock.calls.length).toBeLessThanOrEqual(2);
    await results.close();
  });

  it("counts results only once they are synced", async () => {
    const path = join(scratchDirectory(), "results.jsonl");
    const results = await Results.open(path);
    const methods = await fileMethods(path);
    const { datasync } = methods;
    let before: number | undefined;
    vi.spyOn(methods, "datasync").mockImplementation(function (this: typeof methods) {
      before = results.done.size;
      return datasync.call(this);
    });
    await results.append("a", canceled);
    expect([before, results.done.size]).toEqual([0, 1]);
    await results.close();
  });
});

describe("a truncated results file", () => {
  const LINES = [lineOf("a", succeeded("ä\u2028")), lineOf("b", canceled), lineOf("c", canceled)];

  it("keeps its complete lines, and is continued after them", async () => {
    const bytes = Buffer.from(LINES.join(""));
    const path = join(scratchDirectory(), "results.jsonl");
    for (let length = 0; length <= bytes.length; length++) {
      const torn = bytes.subarray(0, length);
      await writeFile(path, torn);
      const whole = torn.subarray(0, torn.lastIndexOf("\n") + 1).toString();
      const results = await Results.open(path);
      expect(results.done.size).toBe(whole.split("\n").length - 1);
      await results.append("next", canceled);
      await results.close();
      expect(await readFile(path, "utf8"), `cut at ${length}`).toBe(whole + lineOf("next", canceled));
    }
  });

  it.each([
    ["zeros", "\0\0\0\0"],
    ["zeros and a line end", "\0\0\0\n"],
    ["half a line and a line end", '{"custom_id":"c","res\n'],
    ["half a line, and a complete one", `{"custom_id\n${LINES[2]}`],
  ])("that ends in %s keeps the lines before", async (_name, tail) => {
    const path = join(scratchDirectory(), "results.jsonl");
    await writeFile(path, LINES[0] + LINES[1]! + tail);
    const results = await Results.open(path);
    expect([...results.done]).toEqual(["a", "b"]);
    expect(results.counts).toMatchObject({ succeeded: 1, canceled: 1 });
    await results.close();
    expect(await readFile(path, "utf8")).toBe(LINES[0] + LINES[1]!);
  });
});

describe("a failing disk", () => {
  const full = Object.assign(new Error("no space"), { code: "ENOSPC" });

  it("rejects the append, and leaves no half line before the next result", async () => {
    const path = join(scratchDirectory(), "results.jsonl");
    const methods = await fileMethods(path);
    const results = await Results.open(path);
    await results.append("a", canceled);
    const write = vi.spyOn(methods, "write").mockImplementationOnce(async function (this: never) {
      await writeFile(path, lineOf("a", canceled) + lineOf("b", canceled).slice(0, 9));
      throw full;
    } as never);
    await expect(results.append("b", canceled)).rejects.toMatchObject({
      status: 500,
      message: expect.stringContaining("The disk is full"),
    });
    expect([...results.done]).toEqual(["a"]);
    write.mockRestore();
    await results.append("c", canceled);
    await results.close();
    expect(await readFile(path, "utf8")).toBe(lineOf("a", canceled) + lineOf("c", canceled));
  });

  it("that cannot sync stores no result", async () => {
    const path = join(scratchDirectory(), "results.jsonl");
    const methods = await fileMethods(path);
    const results = await Results.open(path);
    vi.spyOn(methods, "datasync").mockRejectedValueOnce(full);
    await expect(results.append("a", canceled)).rejects.toMatchObject({ status: 500 });
    expect(results.done.size).toBe(0);
    await results.close();
    expect(await readFile(path, "utf8")).toBe("");
  });
});
