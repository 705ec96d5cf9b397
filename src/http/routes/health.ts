import type { Context } from "koa";
import type { Launcher } from "../../claude/launcher.ts";
import type { Pool } from "../../claude/pool.ts";
import { version } from "../../shared/version.ts";

/** `GET /health`: what is known at this moment; never waits for the CLI, and asks no key. */
export function health(pool: Pool, launcher: Launcher, served: () => number) {
  const startedAt = Date.now();
  return (context: Context): void => {
    const { running, waiting, workers } = pool.stats;
    const cli = launcher.found;
    context.body = {
      status: "ok",
      service: "claude-virtual-api",
      version,
      uptime_seconds: Math.round((Date.now() - startedAt) / 1000),
      cli: cli ? { path: cli.path, version: cli.version, signed_in: signedIn(pool) } : null,
      workers: { alive: workers },
      requests: { running, waiting, served: served() },
    };
  };
}

/** `GET /` and `HEAD /`: for a person with a browser, and for clients that look whether anybody is there. */
export function welcome(context: Context): void {
  context.body = {
    service: "claude-virtual-api",
    version,
    endpoints: ["POST /v1/messages", "GET /v1/models", "GET /v1/models/{id}", "GET /health"],
  };
}

/** Null until the CLI was asked. */
function signedIn(pool: Pool): boolean | null {
  const account = pool.description?.account;
  if (!account) return null;
  const { tokenSource, apiKeySource, apiProvider } = account;
  const hasToken = tokenSource !== undefined && tokenSource !== "none";
  return hasToken || apiKeySource !== undefined || (apiProvider !== undefined && apiProvider !== "firstParty");
}
