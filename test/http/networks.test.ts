import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeApi } from "../support/fakeApi.ts";
import { type App, cliEnvironment, type Scratch, scratchHome, simple, startApp } from "../support/harness.ts";
import { AUTHORITY, BEHIND_PROXY, closedPort, startProxy, startTls } from "../support/proxies.ts";

let fakeApi: FakeApi;
let scratch: Scratch;
let tls: Awaited<ReturnType<typeof startTls>>;

beforeAll(async () => {
  fakeApi = await FakeApi.start();
  scratch = await scratchHome();
  tls = await startTls(Number(new URL(fakeApi.url).port));
});

afterAll(async () => {
  await tls[Symbol.asyncDispose]();
  await fakeApi.close();
  await scratch[Symbol.asyncDispose]();
});

/** Our server on the real CLI with these variables; `networkVariables` are those that the editor's settings give. */
function stageWith(variables: Record<string, string>, networkVariables: Record<string, string> = {}): Promise<App> {
  const environment = { ...cliEnvironment(scratch.home, fakeApi), ...variables };
  return startApp({ environment, networkVariables, warm: 0 });
}

/** How a request fails with these variables. */
async function failureWith(variables: Record<string, string>) {
  await using app = await stageWith(variables);
  const response = await app.post(simple());
  const { error } = (await response.json()) as { error: { message: string; details: object } };
  return { status: response.status, retry: response.headers.get("x-should-retry"), log: app.log.join("\n"), ...error };
}

const BEHIND = `https://${BEHIND_PROXY}`;

describe("a connection that fails", () => {
  it("for a certificate of an unknown authority is named as such, with the remedy", async () => {
    const failure = await failureWith({ ANTHROPIC_BASE_URL: `https://127.0.0.1:${tls.port}` });
    expect(failure).toMatchObject({ status: 500, type: "api_error", retry: "false" });
    expect(failure.message).toContain(`Claude Code does not trust the certificate of https://127.0.0.1:${tls.port}`);
    expect(failure.message).toContain("NODE_EXTRA_CA_CERTS");
    expect(failure.details).toEqual({
      error_code: "upstream_unreachable",
      reason: "tls",
      code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    });
  });

  it("for an API that speaks no TLS is named as such", async () => {
    const failure = await failureWith({ ANTHROPIC_BASE_URL: `https://127.0.0.1:${new URL(fakeApi.url).port}` });
    expect(failure).toMatchObject({ status: 500, retry: "false", details: { reason: "tls" } });
    expect(failure.message).toMatch(/^The TLS handshake with https:\/\/127\.0\.0\.1:\d+ failed/);
  });

  it("since the proxy asks for credentials is named as such, and shows none", async () => {
    await using proxy = await startProxy({ status: 407 });
    const HTTPS_PROXY = `http://ann:wrong-word@127.0.0.1:${proxy.port}`;
    const failure = await failureWith({ ANTHROPIC_BASE_URL: BEHIND, HTTPS_PROXY });
    expect(failure).toMatchObject({ status: 500, retry: "false" });
    expect(failure.message).toContain(`The proxy http://127.0.0.1:${proxy.port} `);
    expect(failure.message).toContain("asks for credentials (407)");
    expect(failure.details).toMatchObject({ error_code: "upstream_unreachable", reason: "proxy" });
    expect(failure.message + failure.log).not.toContain("wrong-word");
    expect(proxy.asked).toEqual([`CONNECT ${BEHIND_PROXY}:443 ann:wrong-word`]);
  });

  it("since the proxy is not there is named as such", async () => {
    const port = await closedPort();
    const failure = await failureWith({ ANTHROPIC_BASE_URL: BEHIND, HTTPS_PROXY: `http://127.0.0.1:${port}` });
    expect(failure.message).toContain(`The proxy http://127.0.0.1:${port} `);
    expect(failure.message).toContain("cannot be reached (ECONNREFUSED)");
    expect(failure.details).toMatchObject({ reason: "proxy", code: "ECONNREFUSED" });
  });

  it("since a proxy's URL is none is named before the CLI is started", async () => {
    const failure = await failureWith({ HTTPS_PROXY: "ann:wrong-word@proxy.test:8080" });
    expect(failure.message).toContain("HTTPS_PROXY is not the URL of a proxy");
    expect(failure.message + failure.log).not.toContain("wrong-word");
  });
});

it("reaches the API through the proxy and with the authority of the editor's settings", async () => {
  await using proxy = await startProxy({ target: tls.port });
  const HTTPS_PROXY = `http://ann:p%40ss-word@127.0.0.1:${proxy.port}`;
  await using app = await stageWith(
    { ANTHROPIC_BASE_URL: BEHIND },
    { HTTPS_PROXY, HTTP_PROXY: HTTPS_PROXY, NODE_EXTRA_CA_CERTS: AUTHORITY },
  );
  expect(await (await app.post(simple())).json()).toMatchObject({ type: "message" });
  expect(proxy.asked).toEqual([`CONNECT ${BEHIND_PROXY}:443 ann:p@ss-word`]);
  expect(app.log.join("\n")).not.toMatch(/p(%40|@)ss-word/);
});

it("reaches a gateway on the loopback interface past the proxy, whatever NO_PROXY names", async () => {
  const HTTP_PROXY = `http://127.0.0.1:${await closedPort()}`;
  await using app = await stageWith({ HTTP_PROXY, NO_PROXY: "internal.example" });
  expect((await app.post(simple())).status).toBe(200);
});
