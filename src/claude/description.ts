/** What the CLI says of itself in its answer to `initialize`; fields as in its own protocol. */
export interface CliDescription {
  models: CliModel[];
  account: CliAccount;
  /** What an organization has decided for this machine or sign-in, where the CLI shows any of it. */
  organization?: Organization;
}

/** An organization's rules, as a worker shows them; names only, no values. */
export interface Organization {
  /** Why the CLI seats its guard; null where it does not. */
  guard: string | null;
  /** The names of managed settings, those of variables as `env.NAME`. */
  settings: readonly string[];
  /** What lets no mod of ours run: names of settings, or Anthropic's switch. */
  withoutMods: readonly string[];
  /** The managed variables that take the place of ours, as `env.NAME`. */
  overrides: readonly string[];
}

export interface CliModel {
  value: string;
  resolvedModel?: string;
  displayName?: string;
  description?: string;
  supportsEffort?: boolean;
  supportedEffortLevels?: string[];
}

/** How the CLI is signed in. A field is absent where it does not apply; "none" is a `tokenSource` as well. */
export interface CliAccount {
  tokenSource?: string;
  apiKeySource?: string;
  apiProvider?: string;
  /** The plan's name, such as "Claude Max", of a sign-in by `/login` that is in use. */
  subscriptionType?: string;
}
