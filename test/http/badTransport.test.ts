import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { simple, until } from "../support/harness.ts";
import { expectRefusal, type RawAnswer, rawRequest } from "../support/rawRequest.ts";
import { faultlessApp } from "../support/sharedApp.ts";

const app = faultlessApp();

const JSON_TYPE = { "x-api-key": "any-key", "content-type": "application/json" };

const send = (body: string | Buffer | Buffer[], headers: Record<string, string | string[]> = {}): Promise<RawAnswer> =>
  rawRequest(app.url, { method: "POST", path: "/v1/messages", headers: { ...JSON_TYPE, ...headers }, body });

const ask = (method: string, path: string): Promise<RawAnswer> =>
  rawRequest(app.url, { method, path, headers: { "x-api-key": "any-key" } });

describe("a path", () => {
  it.each([
    ["GET", "/nowhere"],
    ["POST", "/message"],
    ["GET", "/v2"],
    ["GET", "/v1/models/a/b"],
    ["GET", "/v1/%E0%A4%A"],
    ["GET", "/%"],
    ["DELETE", "/v1/messages/x"],
    ["OPTIONS", "*"],
  ])("is answered with 404 if unknown: %s %s", async (method, path) => {
    expectRefusal(await ask(method, path), 404, "not_found_error", /^Not Found\. GET /);
    // the path is checked before the key
    expectRefusal(await rawRequest(app.url, { method, path }), 404, "not_found_error", /^Not Found\. GET /);
  });

  it.each([
    ["GET", "/v1/messages", "POST"],
    ["PUT", "/v1/messages?beta=true", "POST"],
    ["DELETE", "/v1/messages", "POST"],
    ["OPTIONS", "/v1/messages", "POST"],
    ["PROPFIND", "/v1/messages", "POST"],
    ["POST", "/v1/models", "GET, HEAD"],
    ["PATCH", "/v1/models/sonnet", "GET, HEAD"],
    ["POST", "/health", "GET, HEAD"],
    ["POST", "/", "GET, HEAD"],
  ])("is answered with 405 and what it allows when it is known: %s %s", async (method, path, allow) => {
    const answer = await ask(method, path);
    expectRefusal(answer, 405, "invalid_request_error", "Method Not Allowed");
    expect(answer.headers.allow?.split(", ").sort().join(", ")).toBe(allow);
    expect((await rawRequest(app.url, { method, path })).status).toBe(405);
  });

  it("ignores ?beta=true", async () => {
    const body = JSON.stringify(simple("Hi"));
    const answer = await rawRequest(app.url, {
      method: "POST",
      path: "/v1/messages?beta=true",
      headers: JSON_TYPE,
      body,
    });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text).content).toEqual([{ type: "text", text: "You said: Hi" }]);
  });

  it("may have a percent-encoded model id", async () => {
    const [plain, encoded] = [await ask("GET", "/v1/models/sonnet"), await ask("GET", "/v1/models/s%6Fnn%65t")];
    expect([encoded.status, JSON.parse(encoded.text)]).toEqual([200, JSON.parse(plain.text)]);
  });
});

describe("a body of more than 32 MB", () => {
  const megabytes = (count: number) => Array.from({ length: count }, () => Buffer.alloc(1024 * 1024, " "));
  const tooLarge = (answer: RawAnswer, more?: Record<string, unknown>) => {
    expectRefusal(answer, 413, "request_too_large", /32 MB/, more);
    expect(app.fakeApi.messages).toHaveLength(0);
  };

  it("is rejected by its content-length, in an answer that the client can read", async () => {
    tooLarge(await send(Buffer.concat(megabytes(33))));
  });

  it("is rejected in chunks without a length, in an answer that the client can read", async () => {
    tooLarge(await send(megabytes(40)));
  });

  it("is rejected even if gzip makes it smaller", async () => {
    const details = { error_code: "request_body_too_large_after_decoding" };
    tooLarge(await send(gzipSync(Buffer.concat(megabytes(33))), { "content-encoding": "gzip" }), details);
    tooLarge(await send([gzipSync(Buffer.concat(megabytes(33)))], { "content-encoding": "gzip" }), details);
  });

  it("starts at one byte more than 32 MB", async () => {
    const request = JSON.stringify(simple("Hi"));
    const full = Buffer.concat([Buffer.from(request), Buffer.alloc(32 * 1024 * 1024 - request.length, " ")]);
    expect((await send(full)).status).toBe(200);
    expect(app.fakeApi.messages).toHaveLength(1);
    app.fakeApi.reset();
    tooLarge(await send(Buffer.concat([full, Buffer.from(" ")])));
  });
});

describe("a body with a content-encoding", () => {
  const request = JSON.stringify(simple("Grüße"));
  const encoded = (encoding: string, body: Buffer | Buffer[]) => send(body, { "content-encoding": encoding });

  const accepted = async (answer: RawAnswer) => {
    expect(answer.status).toBe(200);
    expect(app.fakeApi.messages.map(({ body }) => body.messages)).toEqual([[{ role: "user", content: "Grüße" }]]);
  };

  it("is read as gzip", async () => {
    await accepted(await encoded("gzip", gzipSync(request)));
  });

  it("is read as gzip in chunks without a length", async () => {
    const zipped = gzipSync(request);
    await accepted(await encoded("gzip", [zipped.subarray(0, 20), zipped.subarray(20)]));
  });

  it("is read as identity", async () => {
    await accepted(await encoded("identity", Buffer.from(request)));
  });

  it("is read as GZIP in capitals", async () => {
    await accepted(await encoded("GZIP", gzipSync(request)));
  });

  const invalid = (answer: RawAnswer, encoding: string) => {
    const details = { error_code: "request_body_encoding_invalid" };
    expectRefusal(answer, 400, "invalid_request_error", new RegExp(encoding), details);
    expect(app.fakeApi.messages).toHaveLength(0);
  };

  it.each([
    ["plain JSON", Buffer.from(request)],
    ["nothing", Buffer.alloc(0)],
    ["cut off", gzipSync(request).subarray(0, 40)],
    ["followed by something else", Buffer.concat([gzipSync(request), Buffer.from("{}")])],
  ])("is refused when it says gzip and is %s", async (_name, body) => {
    invalid(await encoded("gzip", body), "gzip");
  });

  it.each(["br", "deflate", "zstd", "compress", "gzip, gzip", "nonsense"])(
    "is rejected in the encoding %s, which the API does not accept",
    async (encoding) => {
      const details = { error_code: "request_body_encoding_unsupported" };
      const answer = await encoded(encoding, Buffer.from(request));
      expectRefusal(answer, 400, "invalid_request_error", new RegExp(encoding), details);
      expect(app.fakeApi.messages).toHaveLength(0);
    },
  );

  it("is rejected as JSON even for a stream", async () => {
    const stream = JSON.stringify(simple("Hi", { stream: true }));
    const answer = await send(stream, { "content-encoding": "gzip", accept: "text/event-stream" });
    invalid(answer, "gzip");
  });
});

describe("an unusual request", () => {
  it("keeps keys named __proto__ and constructor in a tool input", async () => {
    const input = '{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"a":[{"__proto__":null}]}';
    const body = `{"model":"sonnet","max_tokens":100,"messages":[{"role":"user","content":"Hi"},
      {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"look","input":${input}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1"}]}]}`;
    expect((await send(body)).status).toBe(200);
    expect(app.fakeApi.messages).toHaveLength(1);
    expect(app.fakeApi.messages[0]?.raw).toContain(`"input":${input}`);
    expect(Object.hasOwn(Object.prototype, "admin") || "admin" in {}).toBe(false);
  });

  it("may name betas in several headers; valid names are sent upstream once each", async () => {
    const betas = [
      "extended-cache-ttl-2025-04-11, made-up-2020-01-01",
      "context-1m-2025-08-07,",
      "made-up-2020-01-01,a b",
    ];
    expect((await send(JSON.stringify(simple("Hi")), { "anthropic-beta": betas })).status).toBe(200);
    expect(app.fakeApi.messages).toHaveLength(1);
    const upstream = String(app.fakeApi.messages[0]?.headers["anthropic-beta"]).split(",");
    const carried = ["context-1m-2025-08-07", "extended-cache-ttl-2025-04-11", "made-up-2020-01-01"];
    expect(upstream).toEqual(["claude-code-20250219", "effort-2025-11-24", ...carried]);
  });

  it("may break off in mid-body, and the server goes on", async () => {
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    const head = "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: k\r\ncontent-type: application/json\r\n";
    socket.write(`${head}content-length: 1000\r\n\r\n{"model":`, () => socket.destroy());
    await until(() => app.log.some((line) => line.startsWith("[debug] connection:")));
    expect((await send(JSON.stringify(simple("Hi")))).status).toBe(200);
    expect(app.fakeApi.messages).toHaveLength(1);
  });
});
