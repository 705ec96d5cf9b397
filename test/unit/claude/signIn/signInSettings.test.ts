import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readSignInSettings } from "../../../../src/claude/signIn/signInSettings.ts";
import { scratchHome } from "../../../support/harness.ts";

async function homeWith(text: string, path = ".claude/settings.json"): Promise<string> {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const file = join(scratch.home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return scratch.home;
}

const NOTHING = { environment: {}, helpers: {} };

describe("the user's settings of the CLI", () => {
  it("return their variables and helpers only", async () => {
    const settings = {
      env: { ANTHROPIC_API_KEY: "k", PORT: 80 },
      apiKeyHelper: "print-key",
      awsAuthRefresh: "aws sso login",
      hooks: { Stop: [] },
      model: "opus",
      permissions: { allow: ["Bash"] },
    };
    const home = await homeWith(JSON.stringify(settings));
    const expected = {
      environment: { ANTHROPIC_API_KEY: "k", PORT: "80" },
      helpers: { apiKeyHelper: "print-key", awsAuthRefresh: "aws sso login" },
    };
    expect(await readSignInSettings({ HOME: home })).toEqual(expected);
    expect(await readSignInSettings({ USERPROFILE: home })).toEqual(expected);
  });

  it("are found in CLAUDE_CONFIG_DIR", async () => {
    const home = await homeWith(JSON.stringify({ apiKeyHelper: "mine" }), "elsewhere/settings.json");
    const environment = { HOME: "/nowhere", CLAUDE_CONFIG_DIR: join(home, "elsewhere") };
    expect((await readSignInSettings(environment)).helpers).toEqual({ apiKeyHelper: "mine" });
  });

  it.each(["{}", '{"env":["A=b"],"apiKeyHelper":["x"]}'])("are empty if they set nothing: %s", async (text) => {
    expect(await readSignInSettings({ HOME: await homeWith(text) })).toEqual(NOTHING);
  });

  it("may be missing", async () => {
    expect(await readSignInSettings({ HOME: await homeWith("", "other") })).toEqual(NOTHING);
  });

  it.each(["", "[]", '{"env":{"ANTHROPIC_API_KEY":"secret-key"'])(
    "are reported if they are not a JSON object: %j",
    async (text) => {
      const read = readSignInSettings({ HOME: await homeWith(text) });
      await expect(read).rejects.toThrow(/settings\.json is not a JSON object/);
      await expect(read).rejects.not.toThrow(/secret/);
    },
  );
});
