import type { OutgoingHttpHeaders } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, startApp, until } from "../support/harness.ts";
import { expectRefusal, rawBytes, rawRequest } from "../support/rawRequest.ts";

const KEY = "right-key";
const PAGE = "https://page.example";

/** Without a configured key, and with default options. */
let open: App;
/** With a key, one allowed origin and three allowed hosts. */
let locked: App;
beforeAll(async () => {
  open = await startApp();
  locked = await startApp({
    apiKey: KEY,
    allowedOrigins: [PAGE],
    allowedHosts: ["Box.Local", "proxy.local:8443", "fd00::1"],
  });
});
afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await locked[Symbol.asyncDispose]();
});

const get = (app: App, path: string, headers: OutgoingHttpHeaders = {}) => rawRequest(app.url, { path, headers });

describe("the Host header", () => {
  const port = (app: App) => new URL(app.url).port;

  it.each([
    "evil.example@localhost",
    "evil.example:80@localhost:PORT",
    "localhost, evil.example",
    "localhost:99999999",
    "localhost:0",
    "localhost:",
    "localhost.",
    "[127.0.0.1]",
    "[::1",
    "[::ffff:127.0.0.1]",
    "127.1",
    "0x7f.1",
    "2130706433",
    "local%68ost",
    "localhost\\@evil.example",
    "localhost\u00a0",
    "",
  ])("'%s' is rejected as foreign", async (name) => {
    const host = name.replace("PORT", port(open));
    const answer = await rawBytes(open.url, `GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expectRefusal(answer, 403, "permission_error", /The Host header '.*' is not a name of this server/);
  });

  it.each([
    ["missing", "GET /health HTTP/1.1\r\n\r\n"],
    ["missing in HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n"],
    ["given twice", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"],
    ["given twice with one name", "GET /health HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n"],
  ])("must not be %s", async (_name, request) => {
    for (const app of [open, locked]) {
      expectRefusal(await rawBytes(app.url, request), 400, "invalid_request_error", /exactly one Host header/);
    }
  });

  it.each(["localhost:1", "[::1]:9000", "[0:0:0:0:0:0:0:1]", "127.0.0.1:65535"])(
    "%s is accepted, as through a tunnel from another port",
    async (host) => {
      expect((await get(open, "/health", { host })).status).toBe(200);
    },
  );

  it.each(["claude.localhost", "A.B.localhost:8080", "localhost"])(
    "%s is accepted without resolving it",
    async (host) => {
      expect((await get(open, "/health", { host })).status).toBe(200);
    },
  );

  it.each(["localhost.evil.example", "evillocalhost", ".localhost", "a..localhost", "x.localhost."])(
    "%s is rejected",
    async (host) => {
      expect((await get(open, "/health", { host })).status).toBe(403);
    },
  );

  it("that is rejected is answered with the user's own name of the option to change", async () => {
    const headless = await get(open, "/health", { host: "host.docker.internal" });
    expectRefusal(headless, 403, "permission_error", /or add the name to --allowed-hosts\.$/);
    await using inVsCode = await startApp({ nameOf: (option) => `claudeVirtualApi.${option}` });
    const refused = await get(inVsCode, "/health", { host: "host.docker.internal" });
    expectRefusal(refused, 403, "permission_error", /or add the name to claudeVirtualApi\.allowedHosts\.$/);
    const page = await get(inVsCode, "/health", { origin: PAGE });
    expectRefusal(page, 403, "permission_error", /Add it to claudeVirtualApi\.allowedOrigins /);
    expectRefusal(
      await get(open, "/health", { origin: PAGE }),
      403,
      "permission_error",
      /Add it to --allowed-origins /,
    );
  });

  it("may be an allowed name only with its port", async () => {
    const statusOf = async (host: string) => (await get(locked, "/health", { host })).status;
    expect(await statusOf("proxy.local:8443")).toBe(200);
    expect(await statusOf("proxy.local:8444")).toBe(403);
    expect(await statusOf("proxy.local")).toBe(403);
    expect(await statusOf("[fd00::1]:80")).toBe(200);
  });

  it("is quoted only in part, without control characters", async () => {
    const answer = await rawBytes(open.url, `GET /health HTTP/1.1\r\nHost: \x9b2J${"x".repeat(5000)}\r\n\r\n`);
    expectRefusal(answer, 403, "permission_error", /'\\u009b2Jx{100,200}…'/);
  });

  it("warns of an allowed name that can never match", async () => {
    await using odd = await startApp({ allowedHosts: ["http://box.local", "box.local", ""] });
    const warnings = odd.log.filter((line) => line.startsWith("[warn]"));
    expect(warnings).toEqual([expect.stringMatching(/'http:\/\/box\.local'.*use name or name:port/)]);
  });
});

describe("beyond the loopback interface, where the machine's names are unknown", () => {
  it("the Host header may be any single well-formed name", async () => {
    await using wide = await startApp({ host: "0.0.0.0", apiKey: KEY });
    const url = `http://127.0.0.1:${new URL(wide.url).port}`;
    const ask = (hosts: string) => rawBytes(url, `GET /health HTTP/1.1\r\n${hosts}\r\n`);
    expect((await ask("Host: my-box.example:80\r\n")).status).toBe(200);
    expect((await ask("Host: evil.example@my-box.example\r\n")).status).toBe(403);
    expect((await ask("Host: my-box.example\r\nHost: evil.example\r\n")).status).toBe(400);
  });
});

describe("a request target that names a host", () => {
  const ask = (target: string, host = new URL(open.url).host) =>
    rawBytes(open.url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nx-api-key: any\r\n\r\n`);

  it.each([
    "http://evil.example/v1/models",
    "http://evil.example@localhost/v1/models",
    "http://127.0.0.1:1/v1/models",
    "http://localhost:99999999/health",
    "http://a:b:c/",
    "http://[::1/",
  ])("is rejected if it differs from the Host header: %s", async (target) => {
    expectRefusal(await ask(target), 403, "permission_error", /request target/);
  });

  it.each(["https://HOST/health", "ftp://HOST/health"])("is rejected with another scheme: %s", async (target) => {
    const answer = await ask(target.replace("HOST", new URL(open.url).host));
    expectRefusal(answer, 400, "invalid_request_error", /request target/);
  });

  it("is rejected with a foreign Host", async () => {
    expectRefusal(await ask("http://evil.example/health", "evil.example"), 403, "permission_error", /evil\.example/);
  });

  it("is served if both name this server", async () => {
    const { host } = new URL(open.url);
    const health = await ask(`http://${host}/health?x=1`);
    expect([health.status, JSON.parse(health.text).service]).toEqual([200, "claude-virtual-api"]);
    const models = await ask(`HTTP://${host}/v1/models?limit=1`);
    expect(JSON.parse(models.text).data).toHaveLength(1);
    expect((await ask(`http://${host}`)).status).toBe(200);
    expect((await ask(`http://${host}?x`)).status).toBe(200);
  });

  it("is logged only in part, and without its query", async () => {
    open.log.length = 0;
    await rawBytes(open.url, `GET /${"x".repeat(5000)}?secret HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await until(() => open.log.some((line) => line.includes("GET /")));
    expect(open.log.filter((line) => line.includes("GET /"))).toEqual([
      expect.stringMatching(/^\[info\] GET \/x{100,200}… 404 · \d+ ms$/),
    ]);
  });
});

describe("the Origin header", () => {
  it.each([
    ["of blanks", "Origin:   \r\n"],
    ["of nothing", "Origin:\r\n"],
    ["that lists two", `Origin: ${PAGE}, https://evil.example\r\n`],
    ["after an allowed one", `Origin: ${PAGE}\r\nOrigin: https://evil.example\r\n`],
  ])("%s is rejected like a foreign one", async (_name, lines) => {
    const answer = await rawBytes(
      locked.url,
      `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: ${KEY}\r\n${lines}\r\n`,
    );
    expectRefusal(answer, 403, "permission_error", /origin/i);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
  });

  it("counts once if it is sent twice with the same value", async () => {
    const lines = `x-api-key: ${KEY}\r\nOrigin: ${PAGE}\r\nOrigin: ${PAGE}\r\n`;
    const answer = await rawBytes(locked.url, `GET /v1/models HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`);
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, PAGE]);
  });

  it("may be missing, but then no page of another origin can read or sniff the response", async () => {
    for (const path of ["/health", "/", "/v1/models"]) {
      const { headers } = await get(locked, path);
      expect(headers).toMatchObject({
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
      });
      expect(headers["access-control-allow-origin"]).toBeUndefined();
    }
  });
});
