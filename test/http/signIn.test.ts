import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { itThorough, sampled } from "../support/full.ts";
import { cliEnvironment, health, type Stage, scratchHome, simple, stage, until } from "../support/harness.ts";
import { failure } from "../support/replies.ts";
import { SIGN_INS, subscriptionFiles, withVariables, writeFiles } from "../support/signIns.ts";
import { StandIn } from "../support/standIn.ts";

/** A user whose sign-in stands in the CLI's own settings, not in the environment. */
async function user(settings: object, warm = 0) {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const standIn = await StandIn.start();
  onTestFinished(() => standIn.close());
  const signIn = async (next: object) => {
    await mkdir(join(scratch.home, ".claude"), { recursive: true });
    await writeFile(join(scratch.home, ".claude", "settings.json"), JSON.stringify(next));
  };
  await signIn(settings);
  const { ANTHROPIC_API_KEY: _, ...environment } = cliEnvironment(scratch.home, standIn);
  const on: Stage = await stage({ environment, warm });
  onTestFinished(() => on[Symbol.asyncDispose]());
  return { on, standIn, signIn, home: scratch.home };
}

const keyOf = ({ messages }: StandIn) =>
  messages.at(-1)?.headers["x-api-key"] ?? messages.at(-1)?.headers.authorization;

it("finds a sign-in when the CLI is asked afresh, though a worker waits that was started without one", async () => {
  const { on, home } = await user({}, 1);
  expect(await on.server.checkCli()).toMatchObject({ code: "cli_not_signed_in" });
  await writeFiles(home, subscriptionFiles("max"));
  expect(await on.server.checkCli({ afresh: true })).toBeUndefined();
});

describe("a sign-in in the user's settings of the CLI", () => {
  it("reaches the worker as a variable, without the rest of the settings, and stays out of the log", async () => {
    const { on, standIn } = await user({
      env: { ANTHROPIC_API_KEY: "key-of-the-settings", MAX_THINKING_TOKENS: "9999" },
      hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command: "echo something more" }] }] },
    });
    expect((await on.post(simple("x"))).status).toBe(200);
    expect(keyOf(standIn)).toBe("key-of-the-settings");
    expect(standIn.messages[0]?.body).not.toHaveProperty("thinking");
    expect(standIn.messages[0]?.raw).not.toContain("something more");
    expect(on.log.join("\n")).not.toContain("key-of-the-settings");
  });

  // a helper has its tests below
  itThorough("reaches the worker as a helper", async () => {
    const { on, standIn } = await user({ apiKeyHelper: "echo key-of-the-helper" });
    expect((await on.post(simple("x"))).status).toBe(200);
    expect(keyOf(standIn)).toContain("key-of-the-helper");
  });

  itThorough("is read from a file with a byte order mark", async () => {
    const { on, standIn, home } = await user({});
    const settings = JSON.stringify({ env: { ANTHROPIC_API_KEY: "key-of-the-settings" } });
    await writeFile(join(home, ".claude", "settings.json"), `\u{feff}${settings}`);
    expect((await on.post(simple("x", { system: "a worker of its own" }))).status).toBe(200);
    expect(keyOf(standIn)).toBe("key-of-the-settings");
  });

  it("is no obstacle when its file is broken", async () => {
    const { on, home } = await user({});
    await writeFile(join(home, ".claude", "settings.json"), "{");
    const response = await on.post(simple("x", { system: "a worker of its own" }));
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining("not signed in") } });
    expect(on.log.join("\n")).toContain("settings.json is not a JSON object");
  });

  it("is used as soon as it is there, also by workers that were warm before", async () => {
    const { on, standIn, signIn } = await user({}, 2);
    expect((await on.post(simple("x"))).status).toBe(401);
    await expect.poll(async () => (await health(on)).cli?.signed_in).toBe(false);
    await signIn({ env: { ANTHROPIC_API_KEY: "a-new-key" } });
    // the one that was leased for the first request had the old sign-in; no other has
    expect((await on.post(simple("y"))).status).toBe(200);
    expect(keyOf(standIn)).toBe("a-new-key");
    expect((await health(on)).cli.signed_in).toBe(true);
  });

  it("is renewed when upstream refuses the old one", async () => {
    const { on, standIn, signIn } = await user({ env: { ANTHROPIC_API_KEY: "an-old-key" } });
    expect((await on.post(simple("x"))).status).toBe(200);
    standIn.respond = () => failure(401, "authentication_error", "invalid x-api-key");
    expect((await on.post(simple("x"))).status).toBe(401);
    await signIn({ env: { ANTHROPIC_API_KEY: "a-new-key" } });
    standIn.reset();
    expect((await on.post(simple("x"))).status).toBe(200);
    expect(keyOf(standIn)).toBe("a-new-key");
  });
});

/** A server of a user with these files of the CLI. */
async function subscriber(files: Record<string, unknown>, variables: Record<string, string> = {}, warm = 0) {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  await writeFiles(scratch.home, files);
  const { env } = SIGN_INS["Claude Max"];
  const on = await stage((standIn) => ({
    environment: withVariables(cliEnvironment(scratch.home, standIn), { ...env, ...variables }),
    warm,
  }));
  onTestFinished(() => on[Symbol.asyncDispose]());
  const count = async () => {
    const { max_tokens: _, ...question } = simple("x");
    return on.call("/v1/messages/count_tokens", { method: "POST", body: JSON.stringify(question) });
  };
  return { on, home: scratch.home, count };
}

describe("a subscription", () => {
  it("counts as a sign-in, and its plan is shown without the person", async () => {
    const { on, count } = await subscriber(subscriptionFiles("max"));
    expect((await count()).status).toBe(200);
    expect((await on.post(simple("x"))).status).toBe(200);
    expect(on.standIn.messages[0]?.headers.authorization).toBe("Bearer sk-ant-oat01-dummy");
    expect(await on.server.checkCli()).toBeUndefined();
    const { cli } = await health(on);
    expect(cli).toMatchObject({ signed_in: true, sign_in: { kind: "subscription", plan: "Claude Max" } });
    expect(JSON.stringify(cli)).not.toContain("example.com");
  });

  it("is noticed when a worker that was signed out answers a request with it", async () => {
    const { on, home } = await subscriber({});
    await until(async () => (await health(on)).cli?.signed_in === false);
    await writeFiles(home, subscriptionFiles("pro"));
    expect((await on.post(simple("x"))).status).toBe(200);
    await until(async () => (await health(on)).cli.sign_in?.plan === "Claude Pro");
    expect(await on.server.checkCli()).toBeUndefined();
  });

  itThorough("is used as soon as it is there, and missed as soon as it is gone", async () => {
    const { on, home, count } = await subscriber({}, {}, 1);
    expect((await on.post(simple("x"))).status).toBe(401);
    await until(async () => (await health(on)).cli?.signed_in === false);
    expect((await health(on)).cli.sign_in).toBeNull();
    expect((await count()).status).toBe(401);
    await writeFiles(home, subscriptionFiles("pro"));
    expect((await on.post(simple("y"))).status).toBe(200);
    expect((await count()).status).toBe(200);
    expect((await health(on)).cli).toMatchObject({ signed_in: true, sign_in: { plan: "Claude Pro" } });
    await rm(join(home, ".claude", ".credentials.json"));
    on.standIn.respond = () => failure(401, "authentication_error", "OAuth token has been revoked");
    expect((await on.post(simple("z"))).status).toBe(401);
    // asked again by whoever looks, after a refusal
    await until(async () => (await health(on)).cli.signed_in === false);
  });
});

describe.each(sampled(["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"], 2, 1))(
  "a dummy %s beside a subscription",
  (variable) => {
    it("is used as the CLI would, and the log says what it overrides", async () => {
      const { on } = await subscriber(subscriptionFiles("max"), { [variable]: "any-key" });
      expect((await on.post(simple("x"))).status).toBe(200);
      expect(keyOf(on.standIn)).toMatch(/^(Bearer )?any-key$/);
      await until(() => on.log.some((line) => line.startsWith("[warn]") && line.includes(`${variable} overrides`)));
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
  const on = await stage((standIn) => ({
    environment: withVariables(cliEnvironment(scratch.home, standIn), { ...env, ...environment }),
  }));
  onTestFinished(() => on[Symbol.asyncDispose]());
  const keys = () => on.standIn.messages.map(({ headers }) => [headers["x-api-key"], headers.authorization]);
  return { on, keys, runs: async () => (await readFile(runs, "utf8")).trim().split("\n").length };
}

describe("a helper", () => {
  it("runs once for many requests, with bodies of any size", async () => {
    const { on, keys, runs } = await helped();
    const big = "x".repeat(200_000);
    for (const content of ["x", "y", big]) expect((await on.post(simple(content))).status).toBe(200);
    expect(keys()).toEqual(Array(3).fill(["key-1", "Bearer key-1"]));
    expect(await runs()).toBe(1);
    expect((await health(on)).cli.sign_in).toEqual({ kind: "api_key", source: "apiKeyHelper" });
  });

  itThorough("runs again when its time to live has passed", async () => {
    const { on, keys } = await helped({ CLAUDE_CODE_API_KEY_HELPER_TTL_MS: "1" });
    expect((await on.post(simple("x"))).status).toBe(200);
    expect((await on.post(simple("y"))).status).toBe(200);
    const [[first] = [], [second] = []] = keys();
    expect(first).toMatch(/^key-\d$/);
    expect(second).not.toBe(first);
  });

  it("that fails leaves the CLI to run it again, so that its key is not used, nor another sign-in", async () => {
    const { on, keys } = await helped({}, "; exit 3");
    on.standIn.respond = () => failure(401, "authentication_error", "invalid x-api-key");
    expect((await on.post(simple("x"))).status).toBe(401);
    expect(keys()).toEqual([["", "Bearer"]]);
    expect((await health(on)).cli.sign_in.source).toBe("apiKeyHelper");
    expect(on.log).toContain("[warn] the apiKeyHelper in Claude Code's settings ended with exit code 3");
  });
});
