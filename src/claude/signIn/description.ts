/** The CLI's reply to `initialize`; fields as in its protocol. */
export interface CliDescription {
  models: CliModel[];
  account: CliAccount;
  /** Present if the CLI shows rules that an organization has set. */
  organization?: Organization;
}

/** An organization's rules: names only, no values. */
export interface Organization {
  /** Why the CLI runs its guard; null if it does not. */
  guard: string | null;
  /** Names of managed settings; a variable is `env.NAME`. */
  settings: readonly string[];
  /** What keeps our mods from running: settings, or Anthropic's switch. */
  withoutMods: readonly string[];
  /** Managed variables that override this program's, as `env.NAME`. */
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

/** How the CLI is signed in. Fields that do not apply are absent; `tokenSource` may also be "none". */
export interface CliAccount {
  tokenSource?: string;
  apiKeySource?: string;
  apiProvider?: string;
  /** Plan of the `/login` sign-in in use, such as "Claude Max". */
  subscriptionType?: string;
}
