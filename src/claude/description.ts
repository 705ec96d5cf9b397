/** What the CLI says of itself in its answer to `initialize`; fields as in its own protocol. */
export interface CliDescription {
  models: CliModel[];
  account: CliAccount;
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
