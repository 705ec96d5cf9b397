import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CLOUDS } from "./clouds.ts";

/** How a kind of user is signed in to the CLI, with dummy credentials. */
export interface SignInFixture {
  /** Variables that override those of `cliEnvironment`; undefined removes one. */
  env?: Record<string, string | undefined>;
  /** Files of the CLI, by path in the home directory. */
  files?: Record<string, unknown>;
  /** The CLI's settings, which workers get through `--settings` and their environment. */
  settings?: { apiKeyHelper?: string };
}

/** A proxy without a listener: the CLI would otherwise renew a token at Anthropic's real address. */
const OFFLINE = { HTTPS_PROXY: "http://127.0.0.1:9", NO_PROXY: "127.0.0.1" };
const WITHOUT_KEY = { ...OFFLINE, ANTHROPIC_API_KEY: undefined };
const OAUTH_TOKEN = "sk-ant-oat01-dummy";
/** Bedrock, Vertex and Foundry are only named, not called. */
const NO_PLACE = "http://127.0.0.1:9";

const ACCOUNT = {
  oauthAccount: {
    accountUuid: "11111111-1111-4111-8111-111111111111",
    emailAddress: "person@example.com",
    organizationUuid: "22222222-2222-4222-8222-222222222222",
    organizationName: "Example Organization",
  },
};

/** Files of a `/login` with this plan; null for a pay-as-you-go account. */
export function subscriptionFiles(subscriptionType: string | null, oauth: object = {}): Record<string, unknown> {
  const claudeAiOauth = {
    accessToken: OAUTH_TOKEN,
    refreshToken: "sk-ant-ort01-dummy",
    expiresAt: Date.now() + 8 * 3_600_000,
    scopes: ["user:inference", "user:profile"],
    subscriptionType,
    ...oauth,
  };
  return { ".claude/.credentials.json": { claudeAiOauth }, ".claude.json": ACCOUNT };
}

const subscription = (plan: string | null, oauth: object = {}): SignInFixture => ({
  env: WITHOUT_KEY,
  files: subscriptionFiles(plan, oauth),
});

export const SIGN_INS = {
  "signed out": { env: WITHOUT_KEY },
  "an account without credentials": { env: WITHOUT_KEY, files: { ".claude.json": ACCOUNT } },
  "a token without the inference scope": subscription("max", { scopes: ["user:profile"] }),
  "an API key": {},
  "a gateway's token": { env: { ...WITHOUT_KEY, ANTHROPIC_AUTH_TOKEN: "gateway-token" } },
  "a key and a token": { env: { ANTHROPIC_AUTH_TOKEN: "gateway-token" } },
  "a setup-token": { env: { ...WITHOUT_KEY, CLAUDE_CODE_OAUTH_TOKEN: OAUTH_TOKEN } },
  "a helper": { env: WITHOUT_KEY, settings: { apiKeyHelper: "echo key-of-the-helper" } },
  "a Console key": {
    env: WITHOUT_KEY,
    files: { ".claude.json": { ...ACCOUNT, primaryApiKey: "sk-ant-api03-dummy" } },
  },
  "Claude Pro": subscription("pro"),
  "Claude Max": subscription("max"),
  "Claude Team": subscription("team"),
  "Claude Enterprise": subscription("enterprise"),
  "an account without a plan": subscription(null),
  "an expired token": subscription("max", { expiresAt: Date.now() - 1000 }),
  "a subscription and a key": { files: subscriptionFiles("max") },
  "a subscription and a gateway's token": {
    env: { ...WITHOUT_KEY, ANTHROPIC_AUTH_TOKEN: "gateway-token" },
    files: subscriptionFiles("max"),
  },
  Vertex: { env: { ...WITHOUT_KEY, ...CLOUDS.Vertex(NO_PLACE) } },
  Bedrock: { env: { ...WITHOUT_KEY, ...CLOUDS.Bedrock(NO_PLACE) } },
  "Anthropic on AWS": {
    env: {
      ...WITHOUT_KEY,
      ...{ CLAUDE_CODE_USE_ANTHROPIC_AWS: "1", AWS_REGION: "us-east-1", ANTHROPIC_AWS_WORKSPACE_ID: "wrkspc_1" },
      ...{ ANTHROPIC_AWS_BASE_URL: NO_PLACE, ANTHROPIC_AWS_API_KEY: "aws-key" },
    },
  },
  "Anthropic on Google Cloud": {
    env: {
      ...WITHOUT_KEY,
      CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD: "1",
      CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH: "1",
      ...{ ANTHROPIC_GOOGLE_CLOUD_PROJECT: "project", ANTHROPIC_GOOGLE_CLOUD_BASE_URL: NO_PLACE },
    },
  },
  Foundry: {
    env: {
      ...WITHOUT_KEY,
      CLAUDE_CODE_USE_FOUNDRY: "1",
      ANTHROPIC_FOUNDRY_BASE_URL: NO_PLACE,
      ANTHROPIC_FOUNDRY_API_KEY: "foundry-key",
    },
  },
} satisfies Record<string, SignInFixture>;

/** Puts files into a home directory; encodes objects as JSON. */
export async function writeFiles(home: string, files: Record<string, unknown>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(home, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o600 });
  }
}

/** Variables with a fixture's in their place. */
export function withVariables(
  environment: NodeJS.ProcessEnv,
  changes: Record<string, string | undefined> = {},
): NodeJS.ProcessEnv {
  const entries = Object.entries({ ...environment, ...changes });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
