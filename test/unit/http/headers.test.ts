import { once } from "node:events";
import Koa from "koa";
import { expect, it } from "vitest";
import { isHeaderValue, setHeaders } from "../../../src/http/headers.ts";
import { lastResort } from "../../../src/http/middleware/errors.ts";
import { silentLogger } from "../../support/silentLogger.ts";

it.each([
  ["req_1", true],
  ["2026-11-22T12:00:00Z", true],
  ["", false],
  ["é", false],
  ["a\r\nb", false],
  ["\u001b[2J", false],
  ["x".repeat(1001), false],
])("%j is a header's value: %s", (value, valid) => {
  expect(isHeaderValue(value)).toBe(valid);
});

it("sets valid headers and skips the others", () => {
  const set: string[][] = [];
  const context = { set: (...header: string[]) => set.push(header) };
  setHeaders(context as never, { "retry-after": "1", "bad name": "x", "x-bad": "é", "x-good": "y" });
  expect(set).toEqual([
    ["retry-after", "1"],
    ["x-good", "y"],
  ]);
});

it("responds in Anthropic's envelope even if every middleware has failed", async () => {
  const app = new Koa();
  app.silent = true;
  app.context.onerror = lastResort(silentLogger);
  app.use((context) => {
    context.set("x-left", "over");
    if (context.path === "/body") context.body = { toJSON: () => raise("not to be written") };
    else raise("not caught");
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as { port: number };
    for (const path of ["/", "/body"]) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      expect(response.status).toBe(500);
      expect(response.headers.get("content-type")).toMatch(/^application\/json\b/);
      expect(response.headers.get("x-left")).toBeNull();
      const envelope = (await response.json()) as { request_id: string };
      expect(envelope).toMatchObject({ type: "error", error: { type: "api_error" } });
      expect(response.headers.get("request-id")).toBe(envelope.request_id);
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

function raise(message: string): never {
  throw new Error(message);
}
