import type { OutgoingHttpHeaders } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultOptions, type ServerOptions } from "../../src/options.ts";
import { createServer } from "../../src/server.ts";
import { type App, simple, startApp } from "../support/harness.ts";
import { expectRefusal, rawRequest } from "../support/rawRequest.ts";

const KEY = "right-key";
const PAGE = "https://page.example";

/** Without a configured key, and with default options. */
let open: App;
/** With a key, one allowed origin and one allowed host. */
let locked: App;
beforeAll(async () => {
  open = await startApp();
  locked = await startApp({ apiKey: KEY, allowedOrigins: [PAGE], allowedHosts: ["Box.Local"] });
});
afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await locked[Symbol.asyncDispose]();
});

const get = (app: App, path: string, headers: OutgoingHttpHeaders = {}, method = "GET") =>
  rawRequest(app.url, { method, path, headers });

const ROUTES = [
  ["POST", "/v1/messages"],
  ["GET", "/v1/models"],
  ["GET", "/v1/models/sonnet"],
] as const;

describe("the key", () => {
  it.each(ROUTES)("is required for %s %s", async (method, path) => {
    const message = "x-api-key header is required";
    expectRefusal(await get(open, path, {}, method), 401, "authentication_error", message);
    expectRefusal(await get(locked, path, {}, method), 401, "authentication_error", message);
  });

  it.each([
    ["an empty x-api-key", { "x-api-key": "" }],
    ["an empty Bearer token", { authorization: "Bearer " }],
    ["another scheme", { authorization: `Basic ${KEY}` }],
  ])("is missing with %s", async (_name, headers) => {
    const message = "x-api-key header is required";
    expectRefusal(await get(open, "/v1/models", headers), 401, "authentication_error", message);
    expectRefusal(await get(locked, "/v1/models", headers), 401, "authentication_error", message);
  });

  it.each([
    ["an x-api-key", { "x-api-key": "whatever" }],
    ["a Bearer token", { authorization: "Bearer whatever" }],
  ])("may be any in %s when none is configured", async (_name, headers) => {
    expect((await get(open, "/v1/models", headers)).status).toBe(200);
  });

  it.each([
    ["x-api-key", { "x-api-key": KEY }],
    ["a Bearer token", { authorization: `Bearer ${KEY}` }],
    ["a Bearer token of another spelling", { authorization: `bearer  ${KEY}` }],
    ["an empty x-api-key and a Bearer token", { "x-api-key": "", authorization: `Bearer ${KEY}` }],
    ["x-api-key, beside a wrong Bearer token", { "x-api-key": KEY, authorization: "Bearer wrong" }],
  ])("is accepted in %s", async (_name, headers) => {
    expect((await get(locked, "/v1/models", headers)).status).toBe(200);
  });

  it.each([
    ["x-api-key", { "x-api-key": "wrong" }],
    ["x-api-key that only begins right", { "x-api-key": `${KEY}x` }],
    ["a Bearer token", { authorization: "Bearer wrong" }],
    ["x-api-key, beside the right Bearer token", { "x-api-key": "wrong", authorization: `Bearer ${KEY}` }],
  ])("is rejected when it is wrong in %s", async (_name, headers) => {
    expectRefusal(await get(locked, "/v1/models", headers), 401, "authentication_error", "invalid x-api-key");
  });

  it("opens /v1/messages, and is not sent upstream", async () => {
    const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
    const refused = { ...headers, authorization: "Bearer wrong" };
    const send = { method: "POST", path: "/v1/messages", body: JSON.stringify(simple("Hi")) };
    expectRefusal(
      await rawRequest(locked.url, { ...send, headers: refused }),
      401,
      "authentication_error",
      "invalid x-api-key",
    );
    expect(locked.fakeApi.messages).toHaveLength(0);
    expect((await rawRequest(locked.url, { ...send, headers })).status).toBe(200);
    expect(locked.fakeApi.messages).toHaveLength(1);
    expect(JSON.stringify(locked.fakeApi.messages[0]?.headers)).not.toContain(KEY);
  });

  it("is checked before the version and the body", async () => {
    const answer = await rawRequest(locked.url, {
      method: "POST",
      path: "/v1/messages",
      headers: { "anthropic-version": "1999-01-01", "content-type": "text/plain" },
      body: "no JSON",
    });
    expectRefusal(answer, 401, "authentication_error", "x-api-key header is required");
  });

  it("is rejected before a large body has arrived, in a response that the client can read", async () => {
    const body = new Uint8Array(16 * 1024 * 1024);
    const init = { method: "POST", headers: { "x-api-key": "wrong", "content-type": "application/json" }, body };
    const answer = await fetch(`${locked.url}/v1/messages`, init);
    expect([answer.status, answer.headers.get("connection")]).toEqual([401, "close"]);
    expect(await answer.json()).toMatchObject({ error: { type: "authentication_error" } });
  });

  it.each(["/health", "/"])("is not needed for %s", async (path) => {
    for (const app of [open, locked]) {
      const answer = await get(app, path);
      expect(answer.status).toBe(200);
      expect(answer.headers["content-type"]).toContain("application/json");
      expect(JSON.parse(answer.text)).toMatchObject({ service: "claude-virtual-api" });
    }
  });

  it("is not needed for HEAD /, which has no body", async () => {
    const answer = await get(locked, "/", {}, "HEAD");
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers["request-id"]).toMatch(/^req_/);
  });
});

describe("the Host header", () => {
  const port = (app: App) => new URL(app.url).port;

  it.each([
    "evil.example",
    "evil.example:PORT",
    "localhost.evil.example:PORT",
    "127.0.0.1.evil.example",
    "evil.example:80:PORT",
    "192.168.0.1:PORT",
    "[::2]:PORT",
  ])("%s is rejected on every path", async (name) => {
    const host = name.replace("PORT", port(open));
    const message = new RegExp(`'${host.replace(/[.[\]:]/g, "\\$&")}'`);
    for (const [method, path] of [...ROUTES, ["GET", "/health"], ["GET", "/"], ["GET", "/nowhere"]] as const) {
      const answer = await get(open, path, { host, "x-api-key": "any" }, method);
      expectRefusal(answer, 403, "permission_error", message);
    }
  });

  it.each(["localhost", "localhost:PORT", "LOCALHOST:PORT", "127.0.0.1:PORT", "127.0.0.1", "[::1]:PORT"])(
    "%s is accepted",
    async (name) => {
      expect((await get(open, "/health", { host: name.replace("PORT", port(open)) })).status).toBe(200);
    },
  );

  it("may be an allowed name, in any case and with any port", async () => {
    for (const host of ["box.local", "BOX.local:9999"]) {
      expect((await get(locked, "/health", { host })).status).toBe(200);
      expect((await get(open, "/health", { host })).status).toBe(403);
    }
  });

  it("counts despite x-forwarded-host", async () => {
    const foreign = await get(open, "/health", { host: "evil.example", "x-forwarded-host": "localhost" });
    expectRefusal(foreign, 403, "permission_error", /evil\.example/);
    expect((await get(open, "/health", { "x-forwarded-host": "evil.example" })).status).toBe(200);
  });
});

describe("the Origin header", () => {
  it.each(["https://evil.example", "null", "http://localhost", `${PAGE}.evil.example`, "http://page.example"])(
    "%s is rejected, without headers that let the page read the response",
    async (origin) => {
      for (const method of ["GET", "OPTIONS"]) {
        const answer = await get(locked, "/v1/models", { origin, "x-api-key": KEY }, method);
        expectRefusal(answer, 403, "permission_error", /origin/);
        expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
      }
    },
  );

  it("is rejected even for /health, and even if it is this server's own", async () => {
    expectRefusal(await get(open, "/health", { origin: open.url }), 403, "permission_error", /origin/);
  });

  it("of an allowed page gets a response that the page may read", async () => {
    const answer = await get(locked, "/v1/models", { origin: PAGE, "x-api-key": KEY });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "access-control-allow-origin": PAGE,
      vary: expect.stringMatching(/Origin/i),
    });
    expect(answer.headers["access-control-expose-headers"]?.split(", ")).toContain("request-id");
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
  });

  it("of an allowed page also gets readable errors", async () => {
    const answer = await get(locked, "/v1/models", { origin: PAGE });
    expectRefusal(answer, 401, "authentication_error", "x-api-key header is required");
    expect(answer.headers["access-control-allow-origin"]).toBe(PAGE);
  });

  it("of an allowed page passes the preflight without a key", async () => {
    const wanted = "anthropic-version,authorization,content-type,x-stainless-os";
    const answer = await get(
      locked,
      "/v1/messages",
      {
        origin: PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": wanted,
        "access-control-request-private-network": "true",
      },
      "OPTIONS",
    );
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect(answer.headers).toMatchObject({
      "access-control-allow-origin": PAGE,
      "access-control-allow-headers": wanted,
      "access-control-allow-private-network": "true",
    });
    expect(answer.headers["access-control-allow-methods"]?.split(", ")).toContain("POST");
  });

  it("may be any if the list contains *", async () => {
    await using any = await startApp({ allowedOrigins: ["*"] });
    const answer = await get(any, "/health", { origin: "https://whoever.example" });
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, "https://whoever.example"]);
  });
});

describe("listening on another interface", () => {
  const logger = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };
  const at = (host: string, more: Partial<ServerOptions> = {}) =>
    createServer({ ...defaultOptions, environment: {}, host, port: 0, ...more }, logger);

  it.each(["0.0.0.0", "::", "192.168.0.1", "example.com", ""])("is rejected for '%s' without a key", (host) => {
    expect(() => at(host)).toThrow(/API key/);
  });

  it("is possible with a key", async () => {
    await at("0.0.0.0", { apiKey: KEY }).close();
  });

  it.each(["127.0.0.1", "127.0.0.53", "localhost", "::1"])("is not what %s does", async (host) => {
    await at(host).close();
  });
});
