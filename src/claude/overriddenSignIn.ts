import type { Logger } from "../shared/logger.ts";
import { describeOverridden, type SignIn, signInOf } from "./account.ts";
import type { CliDescription } from "./description.ts";
import type { Launcher } from "./launcher.ts";
import { startWorker } from "./startWorker.ts";

/**
 * The sign-in by `/login` that the CLI does not use for the key, token or helper that it prefers. It names one beside some
 * of them only, so a second CLI is started without any and asked, behind all else where nobody waits for it. Throws
 * `ApiError` when that one does not start; it ends early when `signal` is aborted.
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

/**
 * Logs what the sign-in in use overrides, where the CLI does not say so by itself, which it does beside
 * `ANTHROPIC_API_KEY`. Never throws.
 */
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
