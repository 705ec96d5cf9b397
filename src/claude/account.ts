import type { CliDescription } from "./description.ts";

/** The sign-in that the CLI uses, without the person and without any credential. */
export interface SignIn {
  /** `provider` is a cloud or a gateway that brings its own credentials, `profile` one of Anthropic's profiles. */
  kind: "api_key" | "token" | "subscription" | "profile" | "provider";
  /** What brings it: a variable, `apiKeyHelper`, `/login managed key`, `claude.ai`, or the provider. */
  source: string;
  /** The plan of a subscription, as the CLI names it. */
  plan?: string;
  /** The sign-in that this one overrides, where the CLI names it. */
  overridden?: string;
}

/**
 * The sign-in in the CLI's answer to `initialize`; undefined when it is signed out. Only the CLI knows: its credentials
 * may be in a file, a key chain or a helper, none of which this program opens.
 */
export function signInOf({ account }: Pick<CliDescription, "account">): SignIn | undefined {
  const { tokenSource, apiKeySource, apiProvider, subscriptionType } = account;
  if (apiProvider !== undefined && apiProvider !== "firstParty") return { kind: "provider", source: apiProvider };
  // beside a key, the CLI names the saved sign-in that it does not use
  const overridden = tokenSource === "claude.ai" ? { overridden: tokenSource } : {};
  if (apiKeySource !== undefined) return { kind: "api_key", source: apiKeySource, ...overridden };
  if (subscriptionType !== undefined) return { kind: "subscription", source: "claude.ai", plan: subscriptionType };
  if (tokenSource !== undefined) return tokenSource === "none" ? undefined : { kind: "token", source: tokenSource };
  // of a profile in use the CLI names nothing but the provider
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
  apiKeyHelper: "the key of apiKeyHelper",
  "/login managed key": "a key of the Anthropic Console (by /login)",
};

/** A sign-in in lines for a person: what is used, then what it overrides. */
export function describeSignIn(signIn: SignIn | undefined): string[] {
  if (!signIn) return ["not signed in: run 'claude' in a terminal and sign in with /login"];
  const used = `signed in with ${nameOf(signIn)}`;
  return signIn.overridden === undefined ? [used] : [used, describeOverridden(signIn)];
}

/** Says what a key, token or helper is used in place of, and how to change that. */
export function describeOverridden({ source }: SignIn, overridden?: SignIn): string {
  const other = overridden ? nameOf(overridden) : "your account (by /login)";
  return `${source} overrides ${other}: remove ${source} to use that instead`;
}

/** A sign-in in words for a person. */
export function nameOf({ kind, source, plan }: SignIn): string {
  if (kind === "subscription") return `${plan} (by /login)`;
  if (kind === "profile") return "a profile of Anthropic's";
  if (kind === "provider") return PROVIDER_NAMES[source] ?? source;
  return SOURCE_NAMES[source] ?? source;
}
