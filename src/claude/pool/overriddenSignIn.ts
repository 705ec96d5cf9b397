import type { Logger } from "../../shared/logger.ts";
import type { Launcher } from "../launcher.ts";
import { describeOverridden, type SignIn, signInOf } from "../signIn/account.ts";
import type { CliDescription } from "../signIn/description.ts";
import { startWorker } from "./startWorker.ts";

/**
 * Finds the `/login` sign-in that a key, token or helper overrides. The CLI seldom names it, so this starts one without
 * credentials, with low priority unless `isAwaited`. Throws `ApiError` if it does not start; ends early when `signal`
 * aborts.
 */
export async function findOverridden(
  used: SignIn | undefined,
  launcher: Launcher,
  { isAwaited, signal }: { isAwaited: boolean; signal?: AbortSignal },
): Promise<SignIn | undefined> {
  const isPreferred = used?.kind === "api_key" || used?.kind === "token";
  if (!isPreferred || used.source === "/login managed key" || signal?.aborted) return undefined;
  const bare = launcher.withoutCredentials();
  try {
    const { worker, description } = await startWorker(bare, "", !isAwaited, signal);
    await worker.stop();
    return signInOf(description);
  } finally {
    bare.close();
  }
}

/** Logs the overridden sign-in, unless the CLI names it itself, as next to `ANTHROPIC_API_KEY`. Never throws. */
export async function logOverridden(
  description: CliDescription | undefined,
  launcher: Launcher,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const used = description && signInOf(description);
  if (!used || used.overridden || used.source === "ANTHROPIC_API_KEY") return;
  try {
    const overridden = await findOverridden(used, launcher, { isAwaited: false, signal });
    if (overridden) logger.warn(describeOverridden(used, overridden));
  } catch (error) {
    logger.debug((error as Error).message);
  }
}
