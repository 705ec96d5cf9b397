import { describe, expect, it } from "vitest";
import { simple, until } from "../support/harness.ts";
import { eventsFor, pacedReply, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();
/** A name that could forge a line, move the cursor and break a header. */
const NAME = "claude-5\r\n[error] forged\u001b[2J\u202e é 😀";

describe("an untrusted name", () => {
  it("is logged as one printable line of bounded length", async () => {
    app.log.length = 0;
    const start = [...eventsFor([text("x")], { model: `${NAME}${"x".repeat(5000)}` })];
    app.fakeApi.respond = () => pacedReply(start);
    expect((await app.post({ ...simple(), model: "sonnet" })).status).toBe(200);
    await until(() => app.log.some((line) => line.includes("POST /v1/messages claude-5")));
    const line = app.log.find((entry) => entry.includes("POST /v1/messages claude-5"));
    expect(line).toContain("claude-5\\u000d\\u000a[error] forged\\u001b[2J\\u202e é 😀");
    expect(line?.length).toBeLessThan(500);
  });

  it("is never written unescaped to a header or a plain response", async () => {
    for (const id of ["req_é", "req_\u001b[2J", "req 1", "x".repeat(5000)]) {
      app.fakeApi.respond = () => ({ status: 429, error: { type: "rate_limit_error", message: NAME }, requestId: id });
      const response = await app.post(simple());
      expect(response.status).toBe(429);
      const envelope = (await response.json()) as { request_id: string; error: object };
      expect(envelope.error).toEqual({ type: "rate_limit_error", message: NAME });
      expect(response.headers.get("request-id")).toBe(envelope.request_id);
      expect(envelope.request_id).toMatch(/^[ -~]{1,1000}$/);
    }
  });
});
