import { expect, it } from "vitest";
import { networkRoute } from "../../../src/claude/network.ts";
import { type Diagnosis, describe as linesOf } from "../../../src/selfCheck/diagnose.ts";

const DIAGNOSIS: Diagnosis = {
  ...{ path: "/bin/claude", version: "2.1.330", passedOver: [], homeTrouble: undefined, signedIn: true },
  ...{ account: { tokenSource: "oauth" }, findings: [], leftOut: [], route: networkRoute({}) },
};

it("shows base URLs that lead to the server itself, which is no trouble", () => {
  const names = ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"];
  const leftOut = [{ place: "/home/a/.claude/settings.json", url: "http://localhost:8080", names }];
  const { lines, trouble } = linesOf({ ...DIAGNOSIS, leftOut });
  const expected = /^ANTHROPIC_BASE_URL in \/home\/a\/\.claude\/settings\.json .* without ANTHROPIC_API_KEY/;
  expect(lines).toContainEqual(expect.stringMatching(expected));
  expect(trouble).toEqual([]);
});
