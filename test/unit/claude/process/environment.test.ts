import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { childEnvironment } from "../../../../src/claude/process/environment.ts";

const fixed = childEnvironment({}, {}, []);
/** Variables taken from the given environment, without the fixed ones. */
const carried = (environment: NodeJS.ProcessEnv) =>
  Object.fromEntries(Object.entries(childEnvironment(environment, {}, [])).filter(([name]) => !(name in fixed)));

describe("childEnvironment", () => {
  it("makes the CLI send each request once and unchanged", () => {
    expect(fixed).toMatchObject({
      CLAUDE_CODE_MAX_RETRIES: "0",
      CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: "1",
      DISABLE_COMPACT: "1",
      DISABLE_AUTO_COMPACT: "1",
      CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: "9007199254740991",
      CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP: "1",
      CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK: "1",
      CLAUDE_CODE_DISABLE_REFUSAL_RETRY: "1",
      CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS: "1",
      DISABLE_INTERLEAVED_THINKING: "1",
      CLAUDE_CODE_MODEL_CAPABILITIES: "*=effort,-context_management",
      API_FORCE_IDLE_TIMEOUT: "0",
      CLAUDE_ENABLE_STREAM_WATCHDOG: "0",
      CLAUDE_ENABLE_BYTE_WATCHDOG: "0",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
    });
  });

  it.each([
    ...["PATH", "Path", "HOME", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "SystemRoot", "ProgramFiles(x86)", "APPDATA"],
    ...["https_proxy", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS"],
    ...["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_OAUTH_TOKEN"],
    ...[
      "CLAUDE_CONFIG_DIR",
      "CLAUDE_CODE_USE_BEDROCK",
      "CLAUDE_CODE_USE_ANTHROPIC_AWS",
      "CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH",
      "AWS_PROFILE",
      "VERTEX_REGION_CLAUDE_4",
      "GOOGLE_CLOUD_PROJECT",
    ],
  ])("passes %s under its own name", (name) => {
    expect(carried({ [name]: "/value" })).toEqual({ [name]: "/value" });
  });

  it("makes paths absolute, since the CLI has another working directory", () => {
    const paths = { CLAUDE_CONFIG_DIR: "conf", NODE_EXTRA_CA_CERTS: "./ca.pem", SSL_CERT_FILE: "" };
    expect(carried(paths)).toEqual({
      CLAUDE_CONFIG_DIR: resolve("conf"),
      NODE_EXTRA_CA_CERTS: resolve("ca.pem"),
      SSL_CERT_FILE: "",
    });
    expect(childEnvironment({}, { CLAUDE_CONFIG_DIR: "conf" }, [])).toMatchObject({
      CLAUDE_CONFIG_DIR: resolve("conf"),
    });
  });

  it.each([
    ...["NODE_OPTIONS", "ELECTRON_RUN_AS_NODE", "VSCODE_PID", "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "SECRET", "PS1"],
    ...["CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_EFFORT_LEVEL", "MAX_THINKING_TOKENS", "CLAUDE_VIRTUAL_API_API_KEY"],
    ...["ANTHROPIC_BETAS", "ANTHROPIC_MODEL", "ANTHROPIC_LOG", "anthropic_betas", "MY_AWS_KEY", "PATHOLOGICAL"],
  ])("removes %s", (name) => {
    expect(carried({ [name]: "value" })).toEqual({});
  });

  it("ignores variables without a value", () => {
    expect(carried({ HOME: undefined, LANG: "" })).toEqual({ LANG: "" });
  });

  it("adds extra variables, which override the environment's", () => {
    const child = childEnvironment({ HOME: "/a" }, { HOME: "/b", ANTHROPIC_LOG: "debug", MY_OWN: "x" }, []);
    expect(child).toMatchObject({ HOME: "/b", ANTHROPIC_LOG: "debug", MY_OWN: "x" });
  });

  it("keeps the fixed variables, whatever else is given", () => {
    const given = Object.fromEntries(Object.keys(fixed).map((name) => [name, "changed"]));
    expect(childEnvironment(given, given, [])).toEqual(fixed);
  });

  it("limits upstream's silence in bytes, if a limit is given", () => {
    expect(childEnvironment({}, {}, [], 10_000)).toEqual({
      ...fixed,
      CLAUDE_ENABLE_BYTE_WATCHDOG: "1",
      CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS: "10000",
    });
  });

  it("lists extra betas, if any", () => {
    expect(childEnvironment({}, {}, ["a-2025-01-01", "b-2025-01-01"]).ANTHROPIC_BETAS).toBe(
      "a-2025-01-01,b-2025-01-01",
    );
    expect(fixed).not.toHaveProperty("ANTHROPIC_BETAS");
  });
});
