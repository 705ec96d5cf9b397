import { describe, expect, it } from "vitest";
import { describeSignIn, isSignedIn, signInOf } from "../../../src/claude/account.ts";

// the answers of the real CLI are in test/contract/signIns.test.ts; these need an account that tests do not have
describe("the sign-in in the CLI's answer", () => {
  it("is a profile where the CLI names no source at all", () => {
    expect(signInOf({ account: { apiProvider: "firstParty" } })?.kind).toBe("profile");
  });

  it("is a provider that this version does not know", () => {
    expect(signInOf({ account: { apiProvider: "gateway" } })).toEqual({ kind: "provider", source: "gateway" });
  });

  it.each([{}, { tokenSource: "none" }, { tokenSource: "none", apiProvider: "firstParty" }])(
    "is missing: %j",
    (account) => {
      expect(isSignedIn({ account })).toBe(false);
    },
  );

  it("is described without the person", () => {
    const account = { email: "person@example.com", organization: "Example", subscriptionType: "Claude Team" };
    expect(describeSignIn(signInOf({ account }))).toEqual(["signed in with Claude Team (by /login)"]);
  });

  it("is described with the one that it overrides", () => {
    const account = { tokenSource: "claude.ai", apiKeySource: "ANTHROPIC_API_KEY" };
    const [used, overridden] = describeSignIn(signInOf({ account }));
    expect(used).toBe("signed in with ANTHROPIC_API_KEY");
    expect(overridden).toContain("overrides your account (by /login)");
  });
});
