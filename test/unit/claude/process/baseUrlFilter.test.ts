import { describe, expect, it } from "vitest";
import { BaseUrlFilter } from "../../../../src/claude/process/baseUrlFilter.ts";
import { quiet } from "../../../support/smallServer.ts";

const OURS = "http://127.0.0.1:8080";
const OTHER = "http://127.0.0.1:4000";

/** The remaining variables and helpers, and the log. */
async function left(variables: NodeJS.ProcessEnv, helpers: Record<string, string> = {}) {
  const log: string[] = [];
  const logger = { ...quiet, warn: (line: string) => void log.push(line) };
  const upstreams = new BaseUrlFilter(
    () => undefined,
    logger,
    async (url) => url === OURS,
  );
  const source = { place: "the file", variables, helpers };
  const [kept] = await upstreams.apply(source);
  await upstreams.apply(source);
  return { ...kept, log, removedBaseUrls: upstreams.removedBaseUrls };
}

describe("BaseUrlFilter", () => {
  it("removes a base URL that points to this server, with its credentials, and logs it once", async () => {
    const custom = "X-Team: a\nAuthorization: Bearer key";
    const taken = {
      ...{ ANTHROPIC_BASE_URL: ` ${OURS} `, ANTHROPIC_API_KEY: "any-key", ANTHROPIC_AUTH_TOKEN: "any-token" },
      ANTHROPIC_CUSTOM_HEADERS: custom,
    };
    const result = await left({ ...taken, CLAUDE_CODE_OAUTH_TOKEN: "own" }, { apiKeyHelper: "x", awsAuthRefresh: "y" });
    expect(result.variables).toEqual({ CLAUDE_CODE_OAUTH_TOKEN: "own" });
    expect(result.helpers).toEqual({ awsAuthRefresh: "y" });
    const names = [...Object.keys(taken), "apiKeyHelper"];
    expect(result.removedBaseUrls).toEqual([{ place: "the file", url: OURS, names }]);
    expect(result.log).toHaveLength(1);
    expect(result.log[0]).toMatch(/^ANTHROPIC_BASE_URL in the file points to .*8080.*without ANTHROPIC_API_KEY, /);
  });

  it("keeps a sign-in without a base URL, or for another server", async () => {
    for (const url of [OTHER, "", undefined]) {
      const variables = { ...(url !== undefined && { ANTHROPIC_BASE_URL: url }), ANTHROPIC_API_KEY: "key" };
      const result = await left(variables, { apiKeyHelper: "x" });
      expect(result).toEqual({ variables, helpers: { apiKeyHelper: "x" }, log: [], removedBaseUrls: [] });
    }
  });

  it("removes one cloud's base URL and keeps the credentials of the API and of other clouds", async () => {
    const rest = { ANTHROPIC_API_KEY: "key", ANTHROPIC_BASE_URL: OTHER, CLAUDE_CODE_SKIP_VERTEX_AUTH: "1" };
    const result = await left(
      {
        ...{ ANTHROPIC_FOUNDRY_BASE_URL: OURS, ANTHROPIC_FOUNDRY_API_KEY: "k", CLAUDE_CODE_SKIP_FOUNDRY_AUTH: "1" },
        ...rest,
      },
      { apiKeyHelper: "x" },
    );
    expect(result.variables).toEqual(rest);
    expect(result.helpers).toEqual({ apiKeyHelper: "x" });
  });

  it("matches variable names in lower case, as on Windows", async () => {
    expect((await left({ Anthropic_Base_Url: OURS, anthropic_api_key: "any-key" })).variables).toEqual({});
  });

  it("removes nothing if the server's address is unknown", async () => {
    const variables = { ANTHROPIC_BASE_URL: OURS };
    const upstreams = new BaseUrlFilter(undefined, quiet, async () => true);
    expect(await upstreams.apply({ place: "", variables })).toEqual([{ variables, helpers: {} }]);
  });
});
