import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FakeApi } from "../support/fakeApi.ts";
import { itThorough, sampled } from "../support/full.ts";
import { type App, cliEnvironment, health, scratchHome, simple, startApp, until } from "../support/harness.ts";
import { failure } from "../support/replies.ts";
import { SIGN_INS, subscriptionFiles, withVariables, writeFiles } from "../support/signIns.ts";

/** A user whose sign-in is in the CLI's own settings, not in the environment. */
async function user(settings: object, warm = 0) {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const fakeApi = await FakeApi.start();
  onTestFinished(() => fakeApi.close());
  const signIn = async (next: object) => {
    await mkdir(join(scratch.home, ".claude"), { recursive: true });
    await writeFile(join(scratch.home, ".claude", "settings.json"), JSON.stringify(next));
  };
  await signIn(settings);
  const { ANTHROPIC_API_KEY: _, ...environment } = cliEnvironment(scratch.home, fakeApi);
  const app: App = await startApp({ environment, warm });
  onTestFinished(() => app[Symbol.asyncDispose]());
  return { app, fakeApi, signIn, home: scratch.home };
}

const keyOf = ({ messages }: FakeApi) =>
  messages.at(-1)?.headers["x-api-key"] ?? messages.at(-1)?.headers.authorization;

it("finds a sign-in when the CLI is asked afresh, though a worker waits that was started without one", async () => {
  const { app, home } = await user({}, 1);
  expect(await app.server.checkCli()).toMatchObject({ code: "cli_not_signed_in" });
  await writeFiles(home, subscriptionFiles("max"));
  expect(await app.server.checkCli({ afresh: true })).toBeUndefined();
});

describe("a sign-in in the user's settings of the CLI", () => {
  it("reaches the worker as a variable, without the rest of the settings, and stays out of the log", async () => {
    const { app, fakeApi } = await user({
      env: { ANTHROPIC_API_KEY: "key-of-the-settings", MAX_THINKING_TOKENS: "9999" },
      hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command: "echo something more" }] }] },
    });
    expect((await app.post(simple("x"))).status).toBe(200);
    expect(keyOf(fakeApi)).toBe("key-of-the-settings");
    expect(fakeApi.messages[0]?.body).not.toHaveProperty("thinking");
    expect(fakeApi.messages[0]?.raw).not.toContain("something more");
    expect(app.log.join("\n")).not.toContain("key-of-the-settings");
  });

  // a helper has its tests below
  itThorough("reaches the worker as a helper", async () => {
    const { app, fakeApi } = await user({ apiKeyHelper: "echo key-of-the-helper" });
    expect((await app.post(simple("x"))).status).toBe(200);
    expect(keyOf(fakeApi)).toContain("key-of-the-helper");
  });

  itThorough("is read from a file with a byte order mark", async () => {
    const { app, fakeApi, home } = await user({});
    const settings = JSON.stringify({ env: { ANTHROPIC_API_KEY: "key-of-the-settings" } });
    await writeFile(join(home, ".claude", "settings.json"), `\u{feff}${settings}`);
    expect((await app.post(simple("x", { system: "a separate worker" }))).status).toBe(200);
    expect(keyOf(fakeApi)).toBe("key-of-the-settings");
  });

  it("is no obstacle when its file is broken", async () => {
    const { app, home } = await user({});
    await writeFile(join(home, ".claude", "settings.json"), "{");
    const response = await app.post(simple("x", { system: "a separate worker" }));
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining("not signed in") } });
    expect(app.log.join("\n")).toContain("settings.json is not a JSON object");
  });

  it("is used as soon as it is there, also by workers that were warm before", async () => {
    const { app, fakeApi, signIn } = await user({}, 2);
    expect((await app.post(simple("x"))).status).toBe(401);
    await expect.poll(async () => (await health(app)).cli?.signed_in).toBe(false);
    await signIn({ env: { ANTHROPIC_API_KEY: "a-new-key" } });
    // the one that was leased for the first request had the old sign-in; no other has
    expect((await app.post(simple("y"))).status).toBe(200);
    expect(keyOf(fakeApi)).toBe("a-new-key");
    expect((await health(app)).cli.signed_in).toBe(true);
  });

  it("is renewed when upstream refuses the old one", async () => {
    const { app, fakeApi, signIn } = await user({ env: { ANTHROPIC_API_KEY: "an-old-key" } });
    expect((await app.post(simple("x"))).status).toBe(200);
    fakeApi.respond = () => failure(401, "authentication_error", "invalid x-api-key");
    expect((await app.post(simple("x"))).status).toBe(401);
    await signIn({ env: { ANTHROPIC_API_KEY: "a-new-key" } });
    fakeApi.reset();
    expect((await app.post(simple("x"))).status).toBe(200);
    expect(keyOf(fakeApi)).toBe("a-new-key");
  });
});

/** A server of a user with these files of the CLI. */
async function subscriber(files: Record<string, unknown>, variables: Record<string, string> = {}, warm = 0) {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  await writeFiles(scratch.home, files);
  const { env } = SIGN_INS["Claude Max"];
  const app = await startApp((fakeApi) => ({
    environment: withVariables(cliEnvironment(scratch.home, fakeApi), { ...env, ...variables }),
    warm,
  }));
  onTestFinished(() => app[Symbol.asyncDispose]());
  const count = async () => {
    const { max_tokens: _, ...question } = simple("x");
    return app.call("/v1/messages/count_tokens", { method: "POST", body: JSON.stringify(question) });
  };
  return { app, home: scratch.home, count };
}

describe("a subscription", () => {
  it("counts as a sign-in, and its plan is shown without the person", async () => {
    const { app, count } = await subscriber(subscriptionFiles("max"));
    expect((await count()).status).toBe(200);
    expect((await app.post(simple("x"))).status).toBe(200);
    expect(app.fakeApi.messages[0]?.headers.authorization).toBe("Bearer sk-ant-oat01-dummy");
    expect(await app.server.checkCli()).toBeUndefined();
    const { cli } = await health(app);
    expect(cli).toMatchObject({ signed_in: true, sign_in: { kind: "subscription", plan: "Claude Max" } });
    expect(JSON.stringify(cli)).not.toContain("example.com");
  });

  it("is noticed when a worker that was signed out answers a request with it", async () => {
    const { app, home } = await subscriber({});
    await until(async () => (await health(app)).cli?.signed_in === false);
    await writeFiles(home, subscriptionFiles("pro"));
    expect((await app.post(simple("x"))).status).toBe(200);
    await until(async () => (await health(app)).cli.sign_in?.plan === "Claude Pro");
    expect(await app.server.checkCli()).toBeUndefined();
  });

  itThorough("is used as soon as it is there, and missed as soon as it is gone", async () => {
    const { app, home, count } = await subscriber({}, {}, 1);
    expect((await app.post(simple("x"))).status).toBe(401);
    await until(async () => (await health(app)).cli?.signed_in === false);
    expect((await health(app)).cli.sign_in).toBeNull();
    expect((await count()).status).toBe(401);
    await writeFiles(home, subscriptionFiles("pro"));
    expect((await app.post(simple("y"))).status).toBe(200);
    expect((await count()).status).toBe(200);
    expect((await health(app)).cli).toMatchObject({ signed_in: true, sign_in: { plan: "Claude Pro" } });
    await rm(join(home, ".claude", ".credentials.json"));
    app.fakeApi.respond = () => failure(401, "authentication_error", "OAuth token has been revoked");
    expect((await app.post(simple("z"))).status).toBe(401);
    // each look asks again after a refusal
    await until(async () => (await health(app)).cli.signed_in === false);
  });
});

describe.each(sampled(["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"], 2, 1))(
  "a dummy %s beside a subscription",
  (variable) => {
    it("is used as the CLI would, and the log says what it overrides", async () => {
      const { app } = await subscriber(subscriptionFiles("max"), { [variable]: "any-key" });
      expect((await app.post(simple("x"))).status).toBe(200);
      expect(keyOf(app.fakeApi)).toMatch(/^(Bearer )?any-key$/);
      await until(() => app.log.some((line) => line.startsWith("[warn]") && line.includes(`${variable} overrides`)));
    });
  },
);

/** A server of a user with a helper that notes its runs and numbers its keys. */
async function helped(environment: NodeJS.ProcessEnv = {}, ending = "") {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const runs = join(scratch.home, "runs");
  const apiKeyHelper = `echo run >> '${runs}'; echo "key-$(wc -l < '${runs}' | tr -d ' ')"${ending}`;
  await writeFiles(scratch.home, { ".claude/settings.json": { apiKeyHelper } });
  const { env } = SIGN_INS["signed out"];
  const app = await startApp((fakeApi) => ({
    environment: withVariables(cliEnvironment(scratch.home, fakeApi), { ...env, ...environment }),
  }));
  onTestFinished(() => app[Symbol.asyncDispose]());
  const keys = () => app.fakeApi.messages.map(({ headers }) => [headers["x-api-key"], headers.authorization]);
  return { app, keys, runs: async () => (await readFile(runs, "utf8")).trim().split("\n").length };
}

describe("a helper", () => {
  it("runs once for many requests, with bodies of any size", async () => {
    const { app, keys, runs } = await helped();
    const big = "x".repeat(200_000);
    for (const content of ["x", "y", big]) expect((await app.post(simple(content))).status).toBe(200);
    expect(keys()).toEqual(Array(3).fill(["key-1", "Bearer key-1"]));
    expect(await runs()).toBe(1);
    expect((await health(app)).cli.sign_in).toEqual({ kind: "api_key", source: "apiKeyHelper" });
  });

  itThorough("runs again when its time to live has passed", async () => {
    const { app, keys } = await helped({ CLAUDE_CODE_API_KEY_HELPER_TTL_MS: "1" });
    expect((await app.post(simple("x"))).status).toBe(200);
    expect((await app.post(simple("y"))).status).toBe(200);
    const [[first] = [], [second] = []] = keys();
    expect(first).toMatch(/^key-\d$/);
    expect(second).not.toBe(first);
  });

  it("that fails leaves the CLI to run it again, so that its key is not used, nor another sign-in", async () => {
    const { app, keys } = await helped({}, "; exit 3");
    app.fakeApi.respond = () => failure(401, "authentication_error", "invalid x-api-key");
    expect((await app.post(simple("x"))).status).toBe(401);
    expect(keys()).toEqual([["", "Bearer"]]);
    expect((await health(app)).cli.sign_in.source).toBe("apiKeyHelper");
    expect(app.log).toContain("[warn] the apiKeyHelper in Claude Code's settings ended with exit code 3");
  });
});
