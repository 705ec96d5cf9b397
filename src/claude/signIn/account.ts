import type { CliDescription } from "./description.ts";

/** The sign-in that the CLI uses. Holds no personal data and no credential. */
export interface SignIn {
  /** `provider`: a cloud or gateway with its own credentials. `profile`: an Anthropic profile. */
  kind: "api_key" | "token" | "subscription" | "profile" | "provider";
  /** Where it comes from: a variable, `apiKeyHelper`, `/login managed key`, `claude.ai` or the provider. */
  source: string;
  plan?: string;
  /** The sign-in that this one overrides, if the CLI names it. */
  overridden?: string;
}

/**
 * Reads the sign-in from the CLI's reply to `initialize`; undefined when signed out. Only the CLI knows it: this
 * program opens no credential file, key chain or helper.
 */
export function signInOf({ account }: Pick<CliDescription, "account">): SignIn | undefined {
  const { tokenSource, apiKeySource, apiProvider, subscriptionType } = account;
  if (apiProvider !== undefined && apiProvider !== "firstParty") return { kind: "provider", source: apiProvider };
  // next to a key, the CLI names the saved sign-in that the key overrides
  const overridden = tokenSource === "claude.ai" ? { overridden: tokenSource } : {};
  if (apiKeySource !== undefined) return { kind: "api_key", source: apiKeySource, ...overridden };
  if (subscriptionType !== undefined) return { kind: "subscription", source: "claude.ai", plan: subscriptionType };
  if (tokenSource !== undefined) return tokenSource === "none" ? undefined : { kind: "token", source: tokenSource };
  // for a profile, the CLI names only the provider
  return apiProvider === undefined ? undefined : { kind: "profile", source: "profile" };
}

export function isSignedIn(description: Pick<CliDescription, "account">): boolean {
  return signInOf(description) !== undefined;
}

const PROVIDER_NAMES: Readonly<Record<string, string>> = {
  bedrock: "Amazon Bedrock",
  vertex: "Google Vertex AI",
  foundry: "Microsoft Foundry",
  mantle: "Amazon Bedrock (Mantle)",
  anthropicAws: "the Claude Platform on AWS",
  anthropicGoogleCloud: "the Claude Platform on Google Cloud",
  gateway: "a gateway of your organization",
};

const SOURCE_NAMES: Readonly<Record<string, string>> = {
  apiKeyHelper: "the key from apiKeyHelper",
  "/login managed key": "an Anthropic Console key (by /login)",
};

/** Describes the sign-in in use, then the one it overrides. */
export function describeSignIn(signIn: SignIn | undefined): string[] {
  if (!signIn) return ["not signed in: run 'claude' in a terminal and sign in with /login"];
  const used = `signed in with ${nameOf(signIn)}`;
  return signIn.overridden === undefined ? [used] : [used, describeOverridden(signIn)];
}

/** Says which sign-in is overridden and how to use it again. */
export function describeOverridden({ source }: SignIn, overridden?: SignIn): string {
  const other = overridden ? nameOf(overridden) : "your account (by /login)";
  return `${source} overrides ${other}: remove ${source} to use that instead`;
}

/** Names a sign-in for users. */
export function nameOf({ kind, source, plan }: SignIn): string {
  if (kind === "subscription") return `${plan} (by /login)`;
  if (kind === "profile") return "an Anthropic profile";
  if (kind === "provider") return PROVIDER_NAMES[source] ?? source;
  return SOURCE_NAMES[source] ?? source;
}
