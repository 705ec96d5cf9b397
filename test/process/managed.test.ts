import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { claudePath } from "../support/claude.ts";
import { FakeApi } from "../support/fakeApi.ts";
import { expectOneCallEach, expectOverlay, unpaid } from "../support/fallback.ts";
import { FULL, itThorough, QUICK, sampled } from "../support/full.ts";
import { health, scratchHome, simple, until } from "../support/harness.ts";
import { canManage, MANAGED_FILE, managedNode } from "../support/managedMachine.ts";
import { runCli } from "../support/runCli.ts";
import { type ServerProcess, startServerProcess, WITH_SELF_CHECK } from "../support/serverProcess.ts";
import { SIGN_INS, writeFiles } from "../support/signIns.ts";

const DENY = { permissions: { deny: ["WebFetch"] } };

const EFFORT = { CLAUDE_CODE_EFFORT_LEVEL: "high" };
const EFFORT_NAMES = ["env.CLAUDE_CODE_EFFORT_LEVEL"];

const MANAGED = "this machine has managed settings";
const ONE_PLACE = ["--max-concurrent", "1", "--log-level", "trace"];

async function machine(settings: object, args: string[] = []): Promise<ServerProcess> {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const server = await startServerProcess([...ONE_PLACE, ...args], {}, await managedNode(scratch.home, settings));
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

async function gateway(): Promise<FakeApi> {
  const fakeApi = await FakeApi.start();
  onTestFinished(() => fakeApi.close());
  return fakeApi;
}

describe.skipIf(!canManage())("a machine with managed settings", () => {
  const harmless: [string, object, object][] = [
    ["a rule for permissions", DENY, {}],
    ["no mods but its own", { allowManagedModsOnly: true }, {}],
    ["variables", { env: { SOMETHING: "1" } }, { managed_settings: ["env.SOMETHING"] }],
    ["variables that replace ours", { env: EFFORT }, { managed_settings: EFFORT_NAMES, overrides: EFFORT_NAMES }],
    ["models", { availableModels: ["sonnet"] }, {}],
    ["a helper", { apiKeyHelper: "echo key-of-the-organization" }, {}],
  ];
  it.each(sampled(harmless, 1))(
    "with %s: %j answers each request with one call",
    async (_name, settings, organization) => {
      const server = await machine(settings);
      await expectOneCallEach(server, () => server.output.stderr);
      await expectOverlay(server, MANAGED, server.output.stderr);
      const [key = ""] = Object.keys(settings);
      const managed_settings = [expect.stringContaining(key)];
      const expected = {
        guard: expect.stringContaining("managed settings"),
        managed_settings,
        mods_forbidden_by: [],
        overrides: [],
      };
      expect((await health(server)).cli.organization).toEqual({ ...expected, ...organization });
      expect(server.output.stderr).not.toContain("is replaced");
    },
  );

  const withoutMods = ["allowManagedHooksOnly", "disableAllHooks"];
  it.each(sampled(withoutMods, 1))("that forbid mods by %s answers each request with one paid call", async (key) => {
    const server = await machine({ [key]: true });
    await expectOneCallEach(server, () => server.output.stderr);
    await expectOverlay(server, MANAGED, server.output.stderr);
    expect((await health(server)).cli.organization).toMatchObject({ mods_forbidden_by: [key] });
  });

  const puts: [object, string[]][] = [
    [DENY, []],
    [{ allowManagedModsOnly: true }, []],
    [DENY, ["--overlay"]],
  ];
  it.each(sampled(puts, puts.length, 1))(
    "that gets %j while the server runs (%j) answers each request with one call, on new workers",
    async (settings, args) => {
      const server = await machine({}, args);
      await expectOneCallEach(server);
      await writeFile(`/proc/${server.child.pid}/root${MANAGED_FILE}`, JSON.stringify(settings));
      await until(async () => {
        expect((await server.post(simple("Hello"))).status).toBe(200);
        return server.output.stderr.includes("managed settings have changed");
      });
      // no worker was used for as long as the CLI takes to reload the settings
      expect(unpaid(server.fakeApi)).toBe(0);
      await expectOneCallEach(server, () => server.output.stderr);
      expect(server.output.stderr).not.toContain("is replaced");
      expect((await health(server)).cli.organization.guard).toContain("managed settings");
      await expectOverlay(server, args.length > 0 ? "it was configured" : MANAGED, server.output.stderr);
    },
  );

  itThorough("passes the self-check", async () => {
    const server = await machine({ ...DENY, availableModels: ["haiku"] }, [WITH_SELF_CHECK]);
    expect((await server.post(simple("Hello", { model: "haiku" }))).status).toBe(200);
    expect(server.output.stderr).toContain("passed the self-check");
  });

  it("sends a body of any size with the key of the organization's helper", async () => {
    const server = await machine({ apiKeyHelper: "echo key-of-the-organization" });
    expect((await server.post(simple("x".repeat(200_000)))).status).toBe(200);
    expect(server.fakeApi.messages[0]?.headers.authorization).toBe("Bearer key-of-the-organization");
  });

  it("rejects a model that is not allowed, for which the CLI would call the previous request's", async () => {
    const server = await machine({ availableModels: ["haiku"] });
    expect((await server.post(simple("Hello", { model: "haiku" }))).status).toBe(200);
    const refused = await server.post(simple("Hello"));
    expect(refused.status).toBe(403);
    const { error } = (await refused.json()) as { error: object };
    const message = expect.stringMatching(/managed settings .*\(availableModels\) do not allow the model 'sonnet'/);
    expect(error).toEqual({ type: "permission_error", message });
    expect((await server.post(simple("Hello", { model: "claude-haiku-4-5" }))).status).toBe(200);
    expect(server.fakeApi.messages.map(({ body }) => body.model)).toEqual([
      expect.stringContaining("haiku"),
      "claude-haiku-4-5",
    ]);
  });

  it("skips the self-check if its calls would go to the organization's gateway", async () => {
    const { url, ...place } = await gateway().then((fakeApi) => ({ url: fakeApi.url, fakeApi }));
    const server = await machine({ env: { ANTHROPIC_BASE_URL: url } }, [WITH_SELF_CHECK]);
    for (let request = 1; request <= 3; request++) {
      expect((await server.post(simple("Hello"))).status).toBe(200);
      expect(place.fakeApi.messages).toHaveLength(request);
    }
    expect(server.fakeApi.messages).toHaveLength(0);
    const lines = server.output.stderr.split("\n").filter((line) => line.includes("self-check"));
    expect(lines).toEqual([
      expect.stringMatching(/skipped the self-check .*managed settings \(env\.ANTHROPIC_BASE_URL\)/),
    ]);
  });

  const forbidden: [string, object][] = [
    ["disableSideloadFlags", { disableSideloadFlags: true }],
    ["forceLoginMethod", { forceLoginMethod: "console" }],
    ["env.CLAUDE_CODE_EXTRA_BODY", { env: { CLAUDE_CODE_EXTRA_BODY: "{}" } }],
  ];
  it.each(sampled(forbidden, 1))("names %s, which keeps it from serving", async (name, settings) => {
    const server = await machine(settings, [WITH_SELF_CHECK]);
    const response = await server.post(simple("Hello"));
    expect(response.status).toBe(500);
    const { error } = (await response.json()) as { error: { message: string; details: object } };
    expect(error.message).toMatch(
      /^The managed settings of this machine or organization keep Claude Code from serving/,
    );
    expect(error.message).toContain(name);
    expect(error.details).toEqual({ error_code: "cli_forbidden" });
    expect((await health(server)).managed_settings).toEqual([{ file: MANAGED_FILE, names: [name] }]);
    expect(server.fakeApi.messages).toHaveLength(0);
  });

  const diagnoses: [string, object, RegExp, number][] = [
    [
      "a rule for permissions",
      DENY,
      /: permissions\n[\s\S]*Claude Code's guard for organizations is active: [\s\S]*passed the self-check\n/,
      0,
    ],
    [
      "a gateway",
      { env: { ANTHROPIC_BASE_URL: "http://127.0.0.1:9" } },
      /: env\.ANTHROPIC_BASE_URL\n[\s\S]*the self-check was not run: managed settings \(env\.ANTHROPIC_BASE_URL\)/,
      0,
    ],
    [
      "no mods from elsewhere",
      { disableSideloadFlags: true },
      /keep Claude Code from serving .*disableSideloadFlags/,
      1,
    ],
  ];
  it.each(FULL ? diagnoses : diagnoses.slice(1, QUICK ? 1 : 2))(
    "has doctor name %s: %j",
    async (_name, settings, expected, status) => {
      await using scratch = await scratchHome();
      const args = ["doctor", "--claude", claudePath(), "--data-dir", join(scratch.home, "data")];
      const env = { HOME: scratch.home, ANTHROPIC_BASE_URL: "http://127.0.0.1:9", ANTHROPIC_API_KEY: "sk-test-key" };
      const { code, stdout, stderr } = await runCli(args, env, await managedNode(scratch.home, settings));
      expect(stdout + stderr).toMatch(expected);
      if (status === 0) {
        expect(stdout).toContain(`managed settings in ${MANAGED_FILE}`);
        expect(stdout).toContain(`requests are merged into those of Claude Code (overlay), since ${MANAGED}`);
      }
      expect(code).toBe(status);
    },
  );
});

describe("a sign-in of an organization", () => {
  it.each(FULL ? (["Claude Team", "Claude Enterprise"] as const) : (["Claude Team"] as const))(
    "by %s answers each request with one call",
    async (name) => {
      const { env, files } = SIGN_INS[name];
      const scratch = await scratchHome();
      onTestFinished(() => scratch[Symbol.asyncDispose]());
      await writeFiles(scratch.home, files ?? {});
      const server = await startServerProcess(ONE_PLACE, { HOME: scratch.home, ...env });
      onTestFinished(() => server[Symbol.asyncDispose]());
      await expectOneCallEach(server, () => server.output.stderr);
      await expectOverlay(server, `the organization has ${name}`, server.output.stderr);
      expect((await health(server)).cli.organization.guard).toContain("the organization is");
      expect(server.output.stderr).not.toContain("is replaced");
    },
  );
});
