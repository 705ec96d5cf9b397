import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { brokenCli, withMod, withoutArgument } from "../support/brokenCli.ts";
import { claudePath } from "../support/claude.ts";
import { FULL, itThorough, QUICK } from "../support/full.ts";
import { scratchHome } from "../support/harness.ts";
import { AUTHORITY } from "../support/proxies.ts";
import { runCli } from "../support/runCli.ts";
import { SIGN_INS, subscriptionFiles, writeFiles } from "../support/signIns.ts";

describe("doctor", () => {
  async function linkTo(home: string, path: string): Promise<string> {
    const link = join(home, "current", "claude");
    await mkdir(dirname(link));
    await symlink(path, link);
    return link;
  }

  /** Skips the checks, which take seconds. */
  async function doctor(
    env: NodeJS.ProcessEnv,
    path = claudePath(),
    files: Record<string, unknown> = {},
    flags = ["--no-self-check"],
  ) {
    await using scratch = await scratchHome();
    await writeFiles(scratch.home, files);
    const searched = path === "" ? [] : ["--claude", path];
    const args = ["doctor", ...searched, "--data-dir", join(scratch.home, "data"), ...flags];
    const { code, stdout, stderr } = await runCli(args, {
      HOME: scratch.home,
      // no request may leave the machine
      ANTHROPIC_BASE_URL: "http://127.0.0.1:9",
      ...env,
    });
    return { code, output: stdout + stderr };
  }

  it("reports that all is well", async () => {
    const { code, output } = await doctor({ ANTHROPIC_API_KEY: "sk-test-key" }, claudePath(), {}, []);
    expect(output).toMatch(
      /^Claude Virtual API [\d.]+\nClaude Code [\d.]+ at .*\nsigned in with ANTHROPIC_API_KEY, from the environment\nrequests are sent as their clients write them\n✓ /,
    );
    expect(output).toMatch(
      /\npassed the self-check\nno API key is required: every account on this machine [^\n]*create-key[^\n]*\n\nReady to answer requests\.\n$/,
    );
    expect(output).not.toContain("✗");
    expect(code).toBe(0);
  });

  it("names the proxy and the certificates in use, and does not ask for a key that is set", async () => {
    await using scratch = await scratchHome();
    const key = join(scratch.home, "key");
    await writeFile(key, "a-long-key\n", { mode: 0o600 });
    const { output } = await doctor({
      ANTHROPIC_API_KEY: "sk-test-key",
      ANTHROPIC_BASE_URL: "https://api.test.example",
      HTTPS_PROXY: "http://ann:a-word@127.0.0.1:9",
      NODE_EXTRA_CA_CERTS: AUTHORITY,
      CLAUDE_VIRTUAL_API_API_KEY_FILE: key,
    });
    expect(output).toContain("\nuses the proxy http://127.0.0.1:9\n");
    expect(output).toContain(`\nalso trusts the certificates in ${AUTHORITY}\n`);
    expect(output).not.toMatch(/a-word|no API key is required/);
  });

  itThorough("names a subscription without the person", async () => {
    const { code, output } = await doctor(SIGN_INS["signed out"].env, claudePath(), subscriptionFiles("max"));
    expect(output).toContain("\nsigned in with Claude Max (by /login)\n");
    expect(output).not.toContain("example.com");
    expect(code).toBe(0);
  });

  it("names an apiKeyHelper that prints no key", async () => {
    const settings = { ".claude/settings.json": { apiKeyHelper: "exit 3" } };
    const { code, output } = await doctor(SIGN_INS["signed out"].env, claudePath(), settings);
    expect(output).toContain("\n✗ the apiKeyHelper in Claude Code's settings ended with exit code 3\n");
    expect(output).not.toContain("Ready");
    expect(code).toBe(1);
  });

  const alike = [
    ["ANTHROPIC_API_KEY", {}, "the environment"],
    ["CLAUDE_CODE_OAUTH_TOKEN", { env: { CLAUDE_CODE_OAUTH_TOKEN: "any-key" } }, ".*settings.json"],
  ] as const;
  const alsoAlike = [["ANTHROPIC_AUTH_TOKEN", {}, "the environment"]] as const;
  it.each([
    ...(FULL ? alike : []),
    ...(QUICK ? [] : alsoAlike),
    ["apiKeyHelper", { apiKeyHelper: "echo any-key" }, ".*settings.json"],
  ] as const)("says that %s overrides the subscription", async (source, settings, origin) => {
    const variables = origin === "the environment" ? { [source]: "any-key" } : {};
    const files = { ...subscriptionFiles("pro"), ".claude/settings.json": settings };
    const { code, output } = await doctor({ ...SIGN_INS["signed out"].env, ...variables }, claudePath(), files);
    expect(output).toMatch(new RegExp(`\nsigned in with .*${source}, from ${origin}\n`));
    expect(output).toContain(`\n${source} overrides Claude Pro (by /login): remove ${source} to use that instead\n`);
    expect(code).toBe(0);
  });

  it("reports a missing sign-in, and that the checks were skipped", async () => {
    const { code, output } = await doctor({});
    expect(output).toMatch(
      /\n✗ not signed in: run 'claude'[\s\S]*\nthe self-check was not run: --no-self-check was given\n/,
    );
    expect(output).toMatch(/\n\nRequests will fail: fix what is marked ✗\.\n$/);
    expect(code).toBe(1);
  });

  // see selfCheck.test.ts for the server
  itThorough("reports a CLI that does not load the mod", async () => {
    await using scratch = await scratchHome();
    const path = await brokenCli(scratch.home, withoutArgument("--plugin-dir", 2));
    const { code, output } = await doctor({ ANTHROPIC_API_KEY: "sk-test-key" }, path);
    expect(output).toContain("did not load the mod that limits each request to one paid call");
    expect(code).toBe(1);
  });

  const LOST = [
    [
      "s/status: 499/status: value.status/",
      /\(overlay\), since the self-check failed: [^\n]*errors keep upstream's words/,
    ],
    [
      "s/parts.push(fields/parts.push(fields.toUpperCase()/",
      /not counted exactly, since the self-check failed: tokens are/,
    ],
  ] as const;
  itThorough.each(LOST)("names failed checks with which requests are still answered: %s", async (script, words) => {
    await using scratch = await scratchHome();
    const path = await brokenCli(scratch.home, withMod(script));
    const { code, output } = await doctor({ ANTHROPIC_API_KEY: "sk-test-key" }, path, {}, []);
    expect(output).toMatch(words);
    expect(output).not.toContain("✗");
    expect(code).toBe(0);
  });

  itThorough(
    "reports that Anthropic has disabled mods, so that requests are overlaid, and what keeps them to one call",
    async () => {
      await using scratch = await scratchHome();
      // the CLI does not read this with the variables of a worker
      const path = await brokenCli(scratch.home, { prepare: "export CLAUDE_CODE_GB_DISK_CACHE_WHEN_TELEMETRY_OFF=1" });
      const flags = { cachedGrowthBookFeatures: { tengu_plugin_hooks_modules: false } };
      const { code, output } = await doctor({ ANTHROPIC_API_KEY: "sk-test-key" }, path, { ".claude.json": flags });
      expect(output).toMatch(
        /\nrequests are merged .*\(overlay\), since the mod that rewrites requests was not loaded\n/,
      );
      expect(output).toContain("\nmods are forbidden (Anthropic's switch): only settings keep Claude Code from");
      expect(code).toBe(0);
    },
  );

  itThorough("names the CLI in use, and those that it skipped", async () => {
    await using scratch = await scratchHome();
    const old = join(scratch.home, "old");
    await mkdir(old);
    await writeFile(join(old, "claude"), "#!/bin/sh\necho '2.1.1 (Claude Code)'\n", { mode: 0o755 });
    const PATH = `${old}:${dirname(await linkTo(scratch.home, claudePath()))}:${process.env.PATH}`;
    const { code, output } = await doctor({ ANTHROPIC_API_KEY: "sk-test-key", PATH }, "");
    expect(output).toMatch(/\nClaude Code [\d.]+ at .*\/current\/claude\nskipped .*\/old\/claude: .* is too old/);
    expect(code).toBe(0);
  });

  it("names a TMPDIR that cannot be used", async () => {
    const { code, output } = await doctor({ TMPDIR: "/dev/null/none", ANTHROPIC_API_KEY: "sk-test-key" });
    expect(output).toContain("Claude Code could not be started: TMPDIR is '/dev/null/none', which is not a directory");
    expect(code).toBe(1);
  });

  // without a home, the CLI tries for ten seconds to keep something there
  it.runIf(FULL)("names a HOME that cannot be used, which a key needs not", async () => {
    const { code, output } = await doctor({ HOME: "/dev/null/none", ANTHROPIC_API_KEY: "sk-test-key" });
    expect(output).toContain("\nHOME is '/dev/null/none', which is not a directory");
    expect(output).toContain("Ready to answer requests.");
    expect(code).toBe(0);
  });

  it.runIf(FULL)("marks a HOME that cannot be used where a sign-in was to be in it", async () => {
    const { code, output } = await doctor({ ...SIGN_INS["signed out"].env, HOME: "/dev/null/none" });
    expect(output).toContain("\n✗ HOME is '/dev/null/none', which is not a directory");
    expect(code).toBe(1);
  });

  it("names a missing home if the search finds nothing", async () => {
    const { code, output } = await doctor({ HOME: "/nowhere/home", PATH: "/nowhere" }, "");
    expect(output).toMatch(/HOME is '\/nowhere\/home', which does not exist/);
    expect(code).toBe(1);
  });

  it("reports a missing CLI", async () => {
    const { code, output } = await doctor({}, "/nowhere/claude");
    expect(output).toContain("'/nowhere/claude' does not run as Claude Code");
    expect(code).toBe(1);
  });
});
