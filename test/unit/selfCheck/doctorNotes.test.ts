import { expect, it } from "vitest";
import { describe } from "../../../src/api/messageDescriptors.ts";
import {
  checkNotes,
  countNotes,
  type DoctorNote,
  leftOutNotes,
  organizationNotes,
  signInNotes,
  toReport,
} from "../../../src/selfCheck/doctorNotes.ts";

/** The lines of the headless doctor. */
const shown = (notes: DoctorNote[]) => notes.map(({ descriptor: _, ...note }) => note);

it("shows base URLs that point to this server, not as a problem", () => {
  const names = ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"];
  const removedBaseUrls = [{ place: "/home/a/.claude/settings.json", url: "http://localhost:8080", names }];
  const expected = /^ANTHROPIC_BASE_URL in \/home\/a\/\.claude\/settings\.json .* without ANTHROPIC_API_KEY/;
  expect(shown(leftOutNotes(removedBaseUrls))).toEqual([{ topic: "loop", text: expect.stringMatching(expected) }]);
});

it("shows what a token overrides, not as a problem", () => {
  const used = { kind: "token", source: "ANTHROPIC_AUTH_TOKEN" } as const;
  const environment = { text: "the environment", described: describe("environment", {}) };
  const overridden = { kind: "subscription", source: "claude.ai", plan: "Claude Max" } as const;
  expect(shown(signInNotes(used, overridden, () => environment))).toEqual([
    { topic: "sign-in", text: "signed in with ANTHROPIC_AUTH_TOKEN, from the environment" },
    { topic: "sign-in", text: expect.stringMatching(/^ANTHROPIC_AUTH_TOKEN overrides Claude Max \(by \/login\)/) },
  ]);
});

it("shows a missing sign-in and a failed check as problems", () => {
  expect(signInNotes(undefined, undefined, () => undefined)).toMatchObject([{ isProblem: true }]);
  const results = [{ name: "a" }, { name: "b", reason: "is lost" }] as Parameters<typeof checkNotes>[0];
  expect(shown(checkNotes(results))).toEqual([
    { topic: "check", text: "✓ a" },
    { topic: "check", text: "b: is lost", isProblem: true },
    { topic: "check", text: "failed 1 of 2 checks" },
  ]);
});

it("marks all problems, and knows whether the checks were run", () => {
  const results = [{ name: "a" }, { name: "b", reason: "is lost" }] as Parameters<typeof checkNotes>[0];
  const signedOut = signInNotes(undefined, undefined, () => undefined);
  const { lines, problems, isChecked } = toReport([...signedOut, ...checkNotes(results)]);
  expect(lines).toEqual([expect.stringMatching(/^✗ not signed in: /), "✓ a", "✗ b: is lost", "failed 1 of 2 checks"]);
  expect(problems).toEqual([expect.stringMatching(/^not signed in: /), "b: is lost"]);
  expect(isChecked).toBe(true);
  expect(toReport(checkNotes([], "they would leave"))).toMatchObject({ problems: [], isChecked: false });
});

it("shows why tokens are not counted exactly, not as a problem", () => {
  expect(shown(countNotes([{ name: "a" }, { name: "b", reason: "is lost" }]))).toEqual([
    { topic: "transport", text: "tokens are not counted exactly, since the self-check failed: b: is lost" },
  ]);
  expect(countNotes([{ name: "a" }])).toEqual([]);
});

it("shows why the checks were skipped", () => {
  expect(shown(checkNotes([], "they would leave"))).toEqual([
    { topic: "check", text: "the self-check was not run: they would leave", isUnchecked: true },
  ]);
});

it("shows an organization's rules by name, not as a problem", () => {
  const files = [{ origin: "/etc/claude-code/managed-settings.json", settings: { env: { A: "secret" } } }];
  const rules = {
    guard: "the organization is team",
    settings: ["env.A", "disableAllHooks"],
    withoutMods: ["disableAllHooks"],
    overrides: ["env.DISABLE_COMPACT"],
  };
  expect(organizationNotes(files, rules).map(({ text }) => text)).toEqual([
    "managed settings in /etc/claude-code/managed-settings.json: env.A",
    "managed settings from elsewhere: disableAllHooks",
    "Claude Code's guard for organizations is active: the organization is team",
    expect.stringMatching(/^mods are forbidden \(disableAllHooks\)/),
    expect.stringMatching(/^managed settings \(env.DISABLE_COMPACT\) override this server's variables/),
  ]);
  expect(organizationNotes([])).toEqual([]);
});
