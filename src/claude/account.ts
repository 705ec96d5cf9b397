import type { CliDescription } from "./worker.ts";

/** Whether the CLI has anything to sign in with: a token, a key, or a provider that brings its own credentials. */
export function isSignedIn({ account }: CliDescription): boolean {
  const { tokenSource, apiKeySource, apiProvider } = account;
  const hasToken = tokenSource !== undefined && tokenSource !== "none";
  return hasToken || apiKeySource !== undefined || (apiProvider !== undefined && apiProvider !== "firstParty");
}
