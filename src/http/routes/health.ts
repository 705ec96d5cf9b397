import type { Context } from "koa";
import type { Batches } from "../../batches/batches.ts";
import { isSignedIn } from "../../claude/account.ts";
import type { Launcher } from "../../claude/launcher.ts";
import type { Pool } from "../../claude/pool.ts";
import { version } from "../../shared/version.ts";
import type { Activity } from "../activity.ts";

/** `GET /health`: what is known at this moment; never waits for the CLI, and asks no key. */
export function health(pool: Pool, launcher: Launcher, activity: Activity, batches: Batches) {
  const startedAt = Date.now();
  return (context: Context): void => {
    const { waiting, workers } = pool.stats;
    const cli = launcher.found;
    context.body = {
      status: "ok",
      service: "claude-virtual-api",
      version,
      uptime_seconds: Math.round((Date.now() - startedAt) / 1000),
      cli: cli
        ? { path: cli.path, version: cli.version, signed_in: pool.description ? isSignedIn(pool.description) : null }
        : null,
      workers: { alive: workers },
      batches: batches.progress,
      requests: { running: activity.running, waiting, served: activity.served },
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
