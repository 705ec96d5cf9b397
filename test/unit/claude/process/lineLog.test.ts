import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { LineLog, truncate } from "../../../../src/claude/process/lineLog.ts";
import { readMessages } from "../../../../src/claude/protocol/codec.ts";
import { Redactor } from "../../../../src/shared/redact.ts";

function begin() {
  const logged: string[] = [];
  return { logged, log: new LineLog((line) => logged.push(line)) };
}

describe("LineLog", () => {
  it("logs lines unchanged", () => {
    const { logged, log } = begin();
    for (const line of ["one", "", "x".repeat(2000)]) log.add(line);
    expect(logged).toEqual(["one", "", "x".repeat(2000)]);
  });

  it("counts excess lines, and logs again after a reset", () => {
    const { logged, log } = begin();
    for (let line = 0; line < 100_000; line++) log.add("again");
    expect(logged).toHaveLength(1000);
    log.reset();
    log.add("new");
    expect(logged.slice(1000)).toEqual(["(99000 more lines omitted)", "new"]);
  });

  it("logs the beginning of a long line", () => {
    const { logged, log } = begin();
    log.add("some words ".repeat(100_000));
    expect(logged[0]!.length).toBeLessThan(2100);
    expect(logged[0]).toMatch(/^some words .* … \(1100000 characters\)$/);
  });
});

describe("a truncated line", () => {
  it("never ends within a credential", () => {
    const credential = "sk-ant-api03-0123456789abcdef";
    const redacted: string[] = [];
    const redactor = new Redactor();
    redactor.hide([credential]);
    const note = (message: string) => void redacted.push(message);
    const logger = redactor.wrap({ error: note, warn: note, info: note, debug: note, trace: note });
    for (let before = 0; before < 60; before++) {
      logger.info(truncate(`${"x".repeat(before)} key=${credential} ${"y".repeat(100)}`, 60));
    }
    expect(redacted.join("\n")).not.toMatch(/sk-|0123/);
  });

  it("does not end within a credential if it is a stray line, of which only the first bytes are read", async () => {
    const credential = "秘密".repeat(10);
    for (let before = 1300; before < 1380; before++) {
      const lines = [Buffer.from(`${"密".repeat(before)} ${credential} and ${"密".repeat(2000)}\n`)];
      const shown: string[] = [];
      const heard = () => {
        throw new Error("no message");
      };
      await readMessages(Readable.from(lines), { onMessage: heard, onStrayLine: (line) => shown.push(truncate(line)) });
      expect(shown.join("")).toMatch(new RegExp(`^密+( (${credential}( and)?)?)? … \\(`));
    }
  });

  it("is empty if it has no space", () => {
    expect(truncate("x".repeat(5000))).toBe(" … (5000 characters)");
  });
});
