import { describe, expect, it } from "vitest";
import { describeSignIn, isSignedIn, signInOf } from "../../../../src/claude/signIn/account.ts";

// test/contract/signIns.test.ts has the replies of the real CLI; these sign-ins need an account that tests do not have
describe("signInOf", () => {
  it("is a profile if the CLI names no source", () => {
    expect(signInOf({ account: { apiProvider: "firstParty" } })?.kind).toBe("profile");
  });

  it("is an unknown provider", () => {
    expect(signInOf({ account: { apiProvider: "gateway" } })).toEqual({ kind: "provider", source: "gateway" });
  });

  it.each([{}, { tokenSource: "none" }, { tokenSource: "none", apiProvider: "firstParty" }])(
    "is undefined when signed out: %j",
    (account) => {
      expect(isSignedIn({ account })).toBe(false);
    },
  );

  it("is described without personal data", () => {
    const account = { email: "person@example.com", organization: "Example", subscriptionType: "Claude Team" };
    expect(describeSignIn(signInOf({ account }))).toEqual(["signed in with Claude Team (by /login)"]);
  });

  it("is described with the sign-in that it overrides", () => {
    const account = { tokenSource: "claude.ai", apiKeySource: "ANTHROPIC_API_KEY" };
    const [used, overridden] = describeSignIn(signInOf({ account }));
    expect(used).toBe("signed in with ANTHROPIC_API_KEY");
    expect(overridden).toContain("overrides your account (by /login)");
  });
});
