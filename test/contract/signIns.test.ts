import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { signInOf } from "../../src/claude/signIn/account.ts";
import { FULL, sampled } from "../support/full.ts";
import { body, RawCli } from "../support/rawCli.ts";
import { SIGN_INS, type SignInFixture, writeFiles } from "../support/signIns.ts";

const PERSON = { email: "person@example.com", organization: "Example Organization" };
const firstParty = (account: object) => ({ apiProvider: "firstParty", ...account });

/** The reply to `initialize` for each sign-in, and our reading of it. */
const ANSWERS: Record<keyof typeof SIGN_INS, [account: object, signIn: object | undefined]> = {
  "signed out": [firstParty({ tokenSource: "none" }), undefined],
  "an account without credentials": [firstParty({ tokenSource: "none" }), undefined],
  "a token without the inference scope": [firstParty({ tokenSource: "none" }), undefined],
  "an API key": [
    firstParty({ tokenSource: "none", apiKeySource: "ANTHROPIC_API_KEY" }),
    { kind: "api_key", source: "ANTHROPIC_API_KEY" },
  ],
  "a gateway's token": [
    firstParty({ tokenSource: "ANTHROPIC_AUTH_TOKEN" }),
    { kind: "token", source: "ANTHROPIC_AUTH_TOKEN" },
  ],
  "a key and a token": [
    firstParty({ tokenSource: "ANTHROPIC_AUTH_TOKEN", apiKeySource: "ANTHROPIC_API_KEY" }),
    { kind: "api_key", source: "ANTHROPIC_API_KEY" },
  ],
  "a setup-token": [
    firstParty({ tokenSource: "CLAUDE_CODE_OAUTH_TOKEN" }),
    { kind: "token", source: "CLAUDE_CODE_OAUTH_TOKEN" },
  ],
  "a helper": [
    firstParty({ tokenSource: "apiKeyHelper", apiKeySource: "apiKeyHelper" }),
    { kind: "api_key", source: "apiKeyHelper" },
  ],
  "a Console key": [
    firstParty({ ...PERSON, tokenSource: "none", apiKeySource: "/login managed key" }),
    { kind: "api_key", source: "/login managed key" },
  ],
  "Claude Pro": plan("Claude Pro"),
  "Claude Max": plan("Claude Max"),
  "Claude Team": plan("Claude Team"),
  "Claude Enterprise": plan("Claude Enterprise"),
  "an account without a plan": plan("Claude API"),
  "an expired token": plan("Claude Max"),
  "a subscription and a key": [
    firstParty({ tokenSource: "claude.ai", apiKeySource: "ANTHROPIC_API_KEY" }),
    { kind: "api_key", source: "ANTHROPIC_API_KEY", overridden: "claude.ai" },
  ],
  "a subscription and a gateway's token": [
    firstParty({ tokenSource: "ANTHROPIC_AUTH_TOKEN" }),
    { kind: "token", source: "ANTHROPIC_AUTH_TOKEN" },
  ],
  Vertex: [{ apiProvider: "vertex" }, { kind: "provider", source: "vertex" }],
  Bedrock: [{ apiProvider: "bedrock" }, { kind: "provider", source: "bedrock" }],
  "Anthropic on AWS": [{ apiProvider: "anthropicAws" }, { kind: "provider", source: "anthropicAws" }],
  "Anthropic on Google Cloud": [
    { apiProvider: "anthropicGoogleCloud" },
    { kind: "provider", source: "anthropicGoogleCloud" },
  ],
  Foundry: [{ apiProvider: "foundry" }, { kind: "provider", source: "foundry" }],
};

function plan(name: string): [object, object] {
  return [firstParty({ ...PERSON, subscriptionType: name }), { kind: "subscription", source: "claude.ai", plan: name }];
}

/** Sign-ins that share another's reply, for a full run. */
const ALIKE: ReadonlySet<string> = new Set(["an account without credentials", "Claude Pro", "Claude Enterprise"]);
const TRIED = sampled(
  Object.entries(ANSWERS).filter(([name]) => FULL || !ALIKE.has(name)),
  8,
  4,
);

describe("the sign-in that the CLI reports", () => {
  it.each(TRIED)("%s", async (name, [account, signIn]) => {
    const { env, files = {}, settings }: SignInFixture = SIGN_INS[name as keyof typeof SIGN_INS];
    await using cli = await RawCli.start({
      ...(env && { env }),
      args: settings ? ["--settings", JSON.stringify(settings)] : [],
      prepare: (home) => writeFiles(home, files),
    });
    const { response } = await cli.initialize("");
    expect(response.account).toEqual(account);
    expect(signInOf(response)).toEqual(signIn);
  });
});

describe("the CLI's own apiKeyHelper", () => {
  const NOTED = 'echo "run $CLAUDE_CODE_EXTRA_BODY" >> "$HOME/runs"; echo key-of-the-helper';

  it("trap: runs for each request, with the body in its environment, and not at all for a large body", async () => {
    await using cli = await RawCli.start({
      env: SIGN_INS["a helper"].env,
      args: ["--settings", JSON.stringify({ apiKeyHelper: NOTED })],
      system: [""],
    });
    const keyOfNext = async (content: string) => {
      await cli.turn(body(content));
      return cli.fakeApi.messages.at(-1)?.headers["x-api-key"];
    };
    expect(await keyOfNext("x")).toBe("key-of-the-helper");
    expect(await keyOfNext("y")).toBe("key-of-the-helper");
    const runs = (await readFile(join(cli.home, "runs"), "utf8")).trim().split("\n");
    expect(runs.filter((run) => run.includes("messages"))).toHaveLength(2);
    if (process.platform === "linux") expect(await keyOfNext("x".repeat(140_000))).toBe("");
  });

  it("is replaced by a key in both variables, sent like the helper's", async () => {
    const variables = { ANTHROPIC_API_KEY: "a-key", ANTHROPIC_AUTH_TOKEN: "a-key" };
    await using cli = await RawCli.start({ env: { ...SIGN_INS["a helper"].env, ...variables }, system: [""] });
    await cli.turn(body("x".repeat(140_000)));
    const [call] = cli.fakeApi.messages;
    expect([call?.headers["x-api-key"], call?.headers.authorization]).toEqual(["a-key", "Bearer a-key"]);
  });
});
