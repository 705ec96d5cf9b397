import { describe, expect, it } from "vitest";
import type { Logger } from "../../../src/shared/logger.ts";
import { credentialsOf, Redactor } from "../../../src/shared/redact.ts";
import { shorten } from "../../../src/shared/shorten.ts";

function written(message: string, credentials: string[] = []): string[] {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const redactor = new Redactor();
  const logger: Logger = redactor.wrap({ error: write, warn: write, info: write, debug: write, trace: write });
  redactor.hide(credentials);
  for (const level of ["error", "warn", "info", "debug", "trace"] as const) logger[level](message);
  return [...new Set(lines)];
}

describe("a redacting logger", () => {
  it.each([
    ["key sk-ant-api03-abc_DEF-123 used", "key [redacted] used"],
    ["HTTPS_PROXY=http://ann:a-word@proxy.test:8080/", "HTTPS_PROXY=http://[redacted]@proxy.test:8080/"],
    ["via http://ann:a@word@proxy.test:8080", "via http://[redacted]@proxy.test:8080"],
    ["Proxy-Authorization: Basic YW5uOmEtd29yZA==", "Proxy-Authorization: Basic [redacted]"],
    ["GET https://a.test/b?to=ann@b.test", "GET https://a.test/b?to=ann@b.test"],
    ["authorization: Bearer abc.def-ghi=", "authorization: Bearer [redacted]"],
    ["sk-learn is a library", "sk-learn is a library"],
    ["nothing to see", "nothing to see"],
  ])("writes %j as %j at every level", (message, expected) => {
    expect(written(message)).toEqual([expected]);
  });

  it("redacts known credentials anywhere", () => {
    expect(written('{"key":"hunter22","again":"hunter22"}', ["hunter22"])).toEqual([
      '{"key":"[redacted]","again":"[redacted]"}',
    ]);
  });

  it("redacts a credential as JSON escapes it", () => {
    expect(written(JSON.stringify({ key: 'hunter"2\\2' }), ['hunter"2\\2'])).toEqual(['{"key":"[redacted]"}']);
  });

  it("redacts a credential that begins with another", () => {
    expect(written("hunter22-and-more", ["hunter22", "hunter22-and-more"])).toEqual(["[redacted]"]);
  });

  it("redacts what is left of a shortened credential, wherever it was cut", () => {
    const secret = 'correct horse "battery" staple';
    for (let before = 1960; before <= 2000; before++) {
      const text = `${"x".repeat(before)}${secret} and more`;
      const [line] = written(shorten({ text }), [secret]);
      expect(line).not.toContain("corre");
      expect(line?.length).toBeLessThan(2100);
    }
    const texts = Array.from({ length: 100 }, (_, n) => `${n} `.repeat(400).slice(0, 990) + secret);
    expect(written(shorten({ texts }), [secret]).join()).not.toContain("corre");
  });

  it("writes one printable line of bounded length, and a stack trace after it", () => {
    expect(written("a\n[error] forged\u001b[2J")).toEqual(["a\\u000a[error] forged\\u001b[2J"]);
    expect(written("Error: a\n    at b\n    at c")).toEqual(["Error: a\n    at b\n    at c"]);
    expect(written("x".repeat(2_000_000))[0]?.length).toBeLessThan(1_100_000);
  });

  it("keeps words that are too short to be a credential", () => {
    expect(written("a key is a key", ["key", ""])).toEqual(["a key is a key"]);
  });
});

describe("credentialsOf", () => {
  it("returns the values of variables named like a credential", () => {
    const environment = {
      ANTHROPIC_API_KEY: "a",
      AWS_SECRET_ACCESS_KEY: "b",
      CLAUDE_CODE_OAUTH_TOKEN: "c",
      HOME: "d",
      EMPTY_KEY: "",
    };
    expect(credentialsOf(environment)).toEqual(["a", "b", "c"]);
  });
});
