import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { attributeToHelper, helperFailure, withHelpers } from "../../../../src/claude/signIn/helperKey.ts";

const PATH = process.env.PATH ?? "";
const launch = (environment: Record<string, string> = {}) => ({
  command: process.execPath,
  args: ["-e", "console.log(JSON.stringify([process.argv.slice(1), process.env]))", "--", "an 'argument'"],
  environment: { PATH, ...environment },
  cwd: "/",
});

/** The CLI's launch. */
async function started(helpers: Record<string, string>, variables: Record<string, string> = {}) {
  const { command, args, environment } = withHelpers(launch(variables), helpers, "linux").launch;
  const { stdout, stderr } = await promisify(execFile)(command, [...args], { env: environment });
  const [given, env] = JSON.parse(stdout);
  const failures = stderr.split("\n").flatMap((line) => helperFailure(line) ?? []);
  return { given, key: env.ANTHROPIC_API_KEY, token: env.ANTHROPIC_AUTH_TOKEN, names: Object.keys(env), failures };
}

describe.skipIf(process.platform === "win32")("a helper", () => {
  it("passes its key to the CLI, as key and token, and does not run again", async () => {
    const { given, key, token, names } = await started({ apiKeyHelper: "echo ' a-key '", awsAuthRefresh: "refresh" });
    expect([key, token]).toEqual(["a-key", "a-key"]);
    expect(given).toEqual(["an 'argument'", "--settings", '{"awsAuthRefresh":"refresh"}']);
    expect(names).not.toContain("helper");
  });

  it("keeps the user's own key", async () => {
    const { key, token } = await started({ apiKeyHelper: "echo a-key" }, { ANTHROPIC_API_KEY: "my-key" });
    expect([key, token]).toEqual(["my-key", "a-key"]);
  });

  it.each(["echo half; exit 3", "true", "exec /nowhere/helper 2>&-"])(
    "that fails is left to the CLI: %s",
    async (apiKeyHelper) => {
      const { given, key, token, failures } = await started({ apiKeyHelper });
      expect([key, token]).toEqual([undefined, undefined]);
      expect(given.at(-1)).toBe(JSON.stringify({ apiKeyHelper }));
      expect(failures).toEqual([expect.stringMatching(/^the apiKeyHelper .* (printed nothing|exit code \d+)$/)]);
    },
  );

  it("does not read the CLI's input", async () => {
    expect((await started({ apiKeyHelper: "cat; echo a-key" })).key).toBe("a-key");
  });
});

describe("helpers", () => {
  it.each([
    [{ ANTHROPIC_AUTH_TOKEN: "t" }, "linux"],
    [{ CLAUDE_CODE_USE_VERTEX: "1" }, "linux"],
    [{}, "win32"],
  ] as const)("are the CLI's with %j on %s", (variables, platform) => {
    const given = launch(variables);
    const { launch: changed, key } = withHelpers(given, { apiKeyHelper: "a" }, platform);
    expect(changed).toEqual({ ...given, args: [...given.args, "--settings", '{"apiKeyHelper":"a"}'] });
    expect(key).toBeUndefined();
  });

  it("change nothing if there are none", () => {
    expect(withHelpers(launch(), {}).launch).toEqual(launch());
  });

  it.each([
    ["1000", 1000],
    ["0", 0],
    ["-1", 300_000],
    ["soon", 300_000],
    ["", 300_000],
  ])("keep a key as long as the CLI would: %j", (CLAUDE_CODE_API_KEY_HELPER_TTL_MS, lifetime) => {
    const given = launch({ CLAUDE_CODE_API_KEY_HELPER_TTL_MS });
    expect(withHelpers(given, { apiKeyHelper: "a" }, "linux", 1000).key?.usableUntil).toBe(1000 + lifetime);
  });

  it("are reported as the source of their key", () => {
    const account = {
      tokenSource: "ANTHROPIC_AUTH_TOKEN",
      apiKeySource: "ANTHROPIC_API_KEY",
      apiProvider: "firstParty",
    };
    const key = { variables: ["ANTHROPIC_AUTH_TOKEN"], usableUntil: 1 };
    expect(attributeToHelper(account, key)).toEqual({ ...account, tokenSource: "apiKeyHelper" });
    expect(attributeToHelper(account, undefined)).toEqual(account);
  });
});
