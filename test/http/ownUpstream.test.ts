import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FakeApi } from "../support/fakeApi.ts";
import { FULL, itThorough, QUICK, sampled } from "../support/full.ts";
import {
  type App,
  type AppOptions,
  cliEnvironment,
  health,
  scratchHome,
  simple,
  startApp,
  until,
} from "../support/harness.ts";
import { freePort } from "../support/ports.ts";
import { startRelay } from "../support/relay.ts";

async function server(options: AppOptions): Promise<App> {
  const app = await startApp({ warm: 0, maxConcurrent: 2, ...options });
  onTestFinished(() => app[Symbol.asyncDispose]());
  return app;
}

/** A user with these variables in the CLI's own settings, and a sign-in for a fake API in the environment. */
async function user() {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const fakeApi = await FakeApi.start();
  onTestFinished(() => fakeApi.close());
  const path = join(scratch.home, ".claude", "settings.json");
  await mkdir(join(scratch.home, ".claude"));
  const configure = (env: object, more: object = {}) => writeFile(path, JSON.stringify({ ...more, env }));
  return { fakeApi, path, configure, environment: cliEnvironment(scratch.home, fakeApi) };
}

/** Requests that take longer have met a loop. */
const bound = () => AbortSignal.timeout(20_000);

describe("a base URL that is this server", () => {
  const forms = ["http://[::1]:PORT/v1/"];
  if (!QUICK) forms.push("http://localhost:PORT", "HTTP://127.0.0.2:PORT/");
  if (FULL) forms.push("http://127.0.0.1:PORT/v1", "http://0.0.0.0:PORT", "http://claude.localhost:PORT");

  it("is left out of the user's settings in every form, with its key", async () => {
    const { fakeApi, path, configure, environment } = await user();
    const port = await freePort();
    await configure({});
    // a new system prompt is a new worker there, which reads the settings again
    const app = await server({ port, environment, transport: "overlay" });
    for (const form of forms) {
      await configure({ ANTHROPIC_BASE_URL: form.replace("PORT", String(port)), ANTHROPIC_API_KEY: "any-key" });
      const response = await app.post(simple("x", { system: form }), {}, bound());
      expect([form, response.status]).toEqual([form, 200]);
    }
    expect(fakeApi.messages.map(({ headers }) => headers["x-api-key"])).toEqual(forms.map(() => "sk-test-key"));
    const expected = { place: path, names: ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"] };
    expect((await health(app)).left_out).toEqual([expect.objectContaining(expected)]);
    const lines = app.log.filter((line) => line.includes("points to a Claude Virtual API"));
    expect(lines).toHaveLength(forms.length);
  });

  it("is left out where it is another server of this machine", async () => {
    const { fakeApi, configure, environment } = await user();
    await configure({});
    const other = await server({});
    await configure({ ANTHROPIC_BASE_URL: other.url, ANTHROPIC_AUTH_TOKEN: "any-key" });
    const app = await server({ environment });
    expect((await app.post(simple(), {}, bound())).status).toBe(200);
    expect(fakeApi.messages).toHaveLength(1);
    expect(other.fakeApi.messages).toHaveLength(0);
  });
});

describe("a loop that a relay hides", () => {
  async function relay() {
    const started = await startRelay();
    onTestFinished(() => started[Symbol.asyncDispose]());
    return started;
  }

  /** A server whose workers call this base URL. */
  async function calling(url: string) {
    const { configure, environment } = await user();
    await configure({});
    return server({ environment: { ...environment, ANTHROPIC_BASE_URL: url } });
  }

  const COUNT = "/v1/messages/count_tokens";
  const LOOP = { type: "invalid_request_error", message: expect.stringMatching(/calls itself.*ANTHROPIC_BASE_URL/) };
  const counting = (app: App, { max_tokens: _, ...request }: { max_tokens?: unknown }) =>
    app.call(COUNT, { method: "POST", body: JSON.stringify(request), signal: bound() });

  async function expectLoop(app: App, request: object, ask = app.post): Promise<void> {
    const response = await ask(request, {}, bound());
    expect([response.status, await response.json()]).toMatchObject([400, { error: LOOP }]);
    await until(async () => (await health(app)).requests.running === 0);
  }

  it("ends at the first request that comes back, and no place stays taken", async () => {
    const between = await relay();
    const app = await calling(between.url);
    between.target = app.url;
    for (const stream of [false, true, false]) await expectLoop(app, simple("x", { stream }));
    expect(between.passed).toEqual(Array(3).fill("/v1/messages"));
    expect(app.log.filter((line) => line.startsWith("[error]"))).toHaveLength(1);
    await expectLoop(app, simple(), () => counting(app, simple()));
  });

  itThorough("ends for a count where another server lies between, at the first one that comes back", async () => {
    const [there, back] = [await relay(), await relay()];
    const [one, other] = [await calling(there.url), await calling(back.url)];
    there.target = other.url;
    back.target = one.url;
    for (const text of ["x", "x", "word ".repeat(100_000)]) {
      await expectLoop(one, {}, () => counting(one, simple(text)));
    }
    expect([there.passed, back.passed]).toEqual([Array(3).fill(COUNT), Array(3).fill(COUNT)]);
  });

  const clients: [string, object][] = [
    ["without metadata", {}],
    ["with metadata of its client", { metadata: { user_id: "a client's" } }],
  ];
  it.each(sampled(clients, 2, 1))("ends where another server lies between, %s", async (_name, extra) => {
    const [there, back] = [await relay(), await relay()];
    const [one, other] = [await calling(there.url), await calling(back.url)];
    there.target = other.url;
    back.target = one.url;
    await expectLoop(one, simple("x", extra));
    expect([there.passed, back.passed]).toEqual([["/v1/messages"], ["/v1/messages"]]);
  });
});
