import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { version } from "../../src/shared/version.ts";
import { simple } from "../support/harness.ts";
import { expectRefusal, rawBytes, rawRequest } from "../support/rawRequest.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();

const KEY = { "x-api-key": "any-key" };
const get = (path: string, headers: Record<string, string> = KEY, method = "GET") =>
  rawRequest(app.url, { method, path, headers });

/** The route itself rejects a message without a body, which shows that it was reached. */
const reaches = async (method: string, path: string) => {
  const { status, text } = await rawRequest(app.url, { method, path, headers: KEY });
  return [status, JSON.parse(text).error?.message];
};

describe("a mistaken path", () => {
  it.each([
    "/messages",
    "/messages?beta=true",
    "//v1/messages",
    "/v1//messages",
    "/v1/v1/messages",
    "/v1/v1/v1/messages",
    "/v1/messages/",
    "/v1/messages//?beta=true",
    "/anthropic/v1/messages",
    "/anthropic/messages",
    "/v1/anthropic/v1/messages",
    "/api/anthropic/v1/messages",
    "/api/v1/messages",
    "/v1/messages/v1/messages",
    "/v1/messages/messages",
    "/V1/V1/Messages",
  ])("is served as /v1/messages: %s", async (path) => {
    expect(await reaches("POST", path)).toEqual(await reaches("POST", "/v1/messages"));
    // also for other methods
    expect((await get(path)).status).toBe(405);
  });

  it("is served with its body and response", async () => {
    const answer = await app.call("/v1/v1/messages?beta=true", { method: "POST", body: JSON.stringify(simple("Hi")) });
    expect([answer.status, ((await answer.json()) as { content: unknown }).content]).toEqual([
      200,
      [{ type: "text", text: "You said: Hi" }],
    ]);
  });

  it.each([
    ["POST", "/messages/count_tokens", "/v1/messages/count_tokens"],
    ["POST", "/v1/v1/messages/batches", "/v1/messages/batches"],
    ["GET", "/anthropic/v1/messages/batches/msgbatch_x", "/v1/messages/batches/msgbatch_x"],
    ["GET", "/v1/v1/messages/batches/msgbatch_x/results", "/v1/messages/batches/msgbatch_x/results"],
    ["POST", "//v1/messages/batches/msgbatch_x/cancel", "/v1/messages/batches/msgbatch_x/cancel"],
    ["DELETE", "/messages/batches/msgbatch_x", "/v1/messages/batches/msgbatch_x"],
    ["GET", "/v1/messages/v1/files?limit=0", "/v1/files?limit=0"],
    ["GET", "/files/file_x", "/v1/files/file_x"],
    ["DELETE", "/v1/v1/files/file_x/", "/v1/files/file_x"],
    ["GET", "/v1/v1/files/file_x/content", "/v1/files/file_x/content"],
    ["GET", "/models?limit=0", "/v1/models?limit=0"],
    ["GET", "/v1/v1/models/vendor%2Fa%20b?x=%2F", "/v1/models/vendor%2Fa%20b?x=%2F"],
    ["GET", "/organizations/usage_report/messages", "/v1/organizations/usage_report/messages"],
  ])("is corrected: %s %s", async (method, path, meant) => {
    expect(await reaches(method, path)).toEqual(await reaches(method, meant));
  });

  it("is not changed after the resource", async () => {
    expect((await get("/v1/models/v1")).text).toContain("model: v1");
    expect((await get("/v1/models/messages")).text).toContain("model: messages");
    expect((await get("/v1/v1/models/Some%2FName")).text).toContain("model: Some/Name");
    const { text } = await get("/v1/files/v1");
    expect(text).toContain("File `v1` not found");
  });

  it.each(["/v1/health", "//health", "/health/", "/anthropic/v1/health"])("finds /health at %s", async (path) => {
    expect(JSON.parse((await get(path, {})).text)).toMatchObject({ service: "claude-virtual-api", status: "ok" });
  });

  it.each(["/v1", "/v1/", "//", "/anthropic/v1"])("lists the endpoints at %s", async (path) => {
    expect(JSON.parse((await get(path, {})).text).endpoints).toContain("POST /v1/messages");
    expect((await get(path, {}, "HEAD")).status).toBe(200);
  });

  it("is logged as corrected", async () => {
    app.log.length = 0;
    await get("/v1/v1/models/x");
    expect(app.log.filter((line) => line.includes("/models/x"))).toEqual([
      expect.stringMatching(/^\[info\] GET \/v1\/models\/x 404/),
    ]);
  });
});

describe("an unserved path", () => {
  it.each([
    ["/proxy/v1/messages", "/v1/messages"],
    ["/openai/deployments/x/v1/messages/count_tokens", "/v1/messages/count_tokens"],
    ["/claude/messages", "/v1/messages"],
    ["/count_tokens", "/v1/messages/count_tokens"],
    ["/v1/count_tokens", "/v1/messages/count_tokens"],
    ["/v1/batches/", "/v1/messages/batches"],
    ["/batches/msgbatch_A/cancel", "/v1/messages/batches/msgbatch_A/cancel"],
    ["/v1/models/v1/messages", "/v1/messages"],
  ])("is answered with a suggestion: %s", async (path, meant) => {
    const { host } = new URL(app.url);
    const hint = `Not Found: this server has no '${path}'. Did you mean http://${host}${meant}? Set the base URL to http://${host}, or to http://${host}/v1 if the client does not add /v1.`;
    expectRefusal(await get(path, KEY, "POST"), 404, "not_found_error", hint);
  });

  it.each(["/nowhere", "/v1/files/file_x/other", "/v1/v1/nowhere", "/cancel", "/usage_report/x", "/v1/file_x"])(
    "is answered with the URL that lists all endpoints: %s",
    async (path) => {
      const hint = `Not Found. GET http://${new URL(app.url).host}/ lists the endpoints of this server.`;
      expectRefusal(await get(path), 404, "not_found_error", hint);
    },
  );

  it("names no host if the request target is not a path", async () => {
    const answer = await rawBytes(app.url, `OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expectRefusal(answer, 404, "not_found_error", /^Not Found\. GET http:\/\/localhost\/ lists/);
  });

  it.each([
    ["POST", "/v1/complete", /Text Completions.*POST \/v1\/messages/],
    ["GET", "/v1/skills", /Skills/],
    ["POST", "/v1/skills/skill_x/versions?beta=true", /Skills/],
    ["POST", "/v1/agents", /Managed Agents/],
    ["POST", "/v1/environments/env_x/work", /Managed Agents/],
    ["GET", "/v1/organizations/users", /Admin API/],
    ["GET", "/v1/organizations/cost_report", /Admin API/],
    ["GET", "/organizations/workspaces/x", /Admin API/],
    ["POST", "/v1/experimental/generate_prompt", /retired/],
    ["POST", "/v1/oauth/token", /signs in by itself/],
    ["POST", "/v1/chat/completions", /OpenAI.*POST \/v1\/messages/],
    ["POST", "/chat/completions", /OpenAI/],
    ["POST", "/v1/responses", /OpenAI/],
    ["POST", "/v1/embeddings", /Embeddings/],
    ["GET", "/api/claude_cli/bootstrap", /Claude Code/],
    ["GET", "/v1/code/sessions", /Claude Code/],
    ["GET", "/v1/compliance/activities", /Compliance API/],
    ["POST", "/model/us.anthropic.claude-opus-5-v1%3A0/invoke", /Bedrock or Vertex.*ANTHROPIC_BASE_URL/],
    ["POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", /Bedrock or Vertex/],
    ["POST", "/openai/v1/chat/completions", /OpenAI/],
    ["POST", "/v1/assistants", /OpenAI/],
    ["GET", "/api/tags", /Ollama/],
  ])("is answered with the reason if it is Anthropic's or OpenAI's: %s %s", async (method, path, reason) => {
    for (const headers of [KEY, {}]) expectRefusal(await get(path, headers, method), 404, "not_found_error", reason);
  });

  it("has a reason in the table, or is served: every path of the official SDK", async () => {
    const paths = sdkPaths();
    expect(paths.length).toBeGreaterThan(100);
    const unexplained: string[] = [];
    for (const path of paths) {
      const { status, text } = await get(path, {}, "GET");
      // only a route answers 401 or 405
      if (status === 404 && /^Not Found/.test(JSON.parse(text).error.message)) unexplained.push(path);
    }
    expect(unexplained).toEqual([]);
  });
});

/** Every path that the installed SDK requests, with `x` for ids. */
function sdkPaths(): string[] {
  const root = dirname(createRequire(import.meta.url).resolve("@anthropic-ai/sdk"));
  const files = readdirSync(join(root, "resources"), { recursive: true, encoding: "utf8" });
  const sources = files.filter((name) => name.endsWith(".mjs")).map((name) => join(root, "resources", name));
  const paths = sources.flatMap((source) => readFileSync(source, "utf8").match(/(?<=[`'])\/v1\/[^`'?]+/g) ?? []);
  return [...new Set(paths.map((path) => path.replace(/\$?\{[^}]*\}/g, "x")))];
}

describe("GET /", () => {
  it("lists every route, with the version and without a key", async () => {
    const { endpoints, ...rest } = JSON.parse((await get("/", {})).text);
    expect(rest).toEqual({ service: "claude-virtual-api", version, base_url: app.url });
    expect(endpoints).toEqual(
      expect.arrayContaining([
        "GET /",
        "GET /health",
        "POST /v1/messages",
        "POST /v1/messages/count_tokens",
        "POST /v1/messages/batches",
        "GET /v1/messages/batches/{id}/results",
        "DELETE /v1/files/{id}",
        "GET /v1/models/{id}",
        "GET /v1/organizations/usage_report/messages",
      ]),
    );
    expect(new Set(endpoints).size).toBe(endpoints.length);
    for (const endpoint of endpoints) {
      const [method, path] = endpoint.split(" ");
      expect((await get(path.replace("{id}", "x"), {}, method)).text, endpoint).not.toContain("Not Found");
    }
  });
});

describe("Claude Code's request to its base URL at each start", () => {
  it.each(["/api/hello", "/", "/v1/api/hello"])("is answered without a key: HEAD %s", async (path) => {
    const answer = await get(path, { "user-agent": "Bun/1.4.4" }, "HEAD");
    expect([answer.status, answer.text]).toEqual([200, ""]);
  });

  it("is answered for GET like by the API", async () => {
    expect(JSON.parse((await get("/api/hello", {})).text)).toEqual({ message: "hello" });
  });
});

describe("a repeated header", () => {
  const ask = (...lines: string[]) =>
    rawBytes(app.url, `GET /v1/files?limit=1 HTTP/1.1\r\nHost: localhost\r\n${lines.join("\r\n")}\r\n\r\n`);
  const post = (...lines: string[]) =>
    rawBytes(
      app.url,
      `POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: k\r\ncontent-length: 2\r\n${lines.join("\r\n")}\r\n\r\n{}`,
    );

  it.each([
    ["anthropic-version", ["x-api-key: k", "anthropic-version: 2023-06-01", "Anthropic-Version: 2023-06-01"]],
    ["anthropic-version, joined by an HTTP client", ["x-api-key: k", "anthropic-version: 2023-06-01, 2023-06-01"]],
    ["anthropic-beta", ["x-api-key: k", "anthropic-beta: a-1", "anthropic-beta: a-1"]],
    ["authorization", ["authorization: Bearer k", "authorization: Bearer k"]],
  ])("with the same value counts once: %s", async (_name, lines) => {
    expect((await ask(...lines)).status).toBe(200);
  });

  it.each([
    ["content-type: application/json", "content-type: application/json"],
    ["content-type: application/json, application/json"],
  ])("with the same value counts once before a body: %s", async (...lines) => {
    expectRefusal(await post(...lines), 400, "invalid_request_error", "model: Field required");
  });

  it.each([
    ["anthropic-version", ["anthropic-version: 2023-06-01", "anthropic-version: 2026-10-21"]],
    ["x-api-key", ["x-api-key: other"]],
    ["content-type", ["content-type: application/json", "content-type: text/plain"]],
  ])("with different values is rejected by its name: %s", async (name, lines) => {
    const message = `The header '${name}' was sent with different values. Send it once.`;
    expectRefusal(await post(...lines), 400, "invalid_request_error", message);
  });

  it("with the same key twice opens a server with a key", async () => {
    const { startApp } = await import("../support/harness.ts");
    await using locked = await startApp({ apiKey: "right-key" });
    const line = (lines: string) => `GET /v1/files HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n`;
    for (const lines of [
      "x-api-key: right-key\r\nx-api-key: right-key",
      "x-api-key: right-key, right-key",
      "authorization: Bearer right-key\r\nauthorization: Bearer right-key",
    ]) {
      expect((await rawBytes(locked.url, line(lines))).status, lines).toBe(200);
    }
    const twoKeys = await rawBytes(locked.url, line("x-api-key: wrong\r\nx-api-key: right-key"));
    expectRefusal(twoKeys, 400, "invalid_request_error", /'x-api-key'/);
  });
});
