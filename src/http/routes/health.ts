import Router from "@koa/router";
import type { Context } from "koa";
import type { Batches } from "../../batches/batches.ts";
import type { Launcher } from "../../claude/launcher.ts";
import type { Pool } from "../../claude/pool/pool.ts";
import { signInOf } from "../../claude/signIn/account.ts";
import { keysOf, readManagedSettings } from "../../claude/signIn/managedSettings.ts";
import type { Logger } from "../../shared/logger.ts";
import { CHALLENGE_HEADER, isChallenge, PROOF_HEADER, proofOf } from "../../shared/proof.ts";
import { version } from "../../shared/version.ts";
import type { Secret } from "../../storage/secret.ts";
import type { RequestState } from "../apiState.ts";
import type { InFlight } from "../inFlight.ts";

/** What `/health` reports on, and the secret for its proof. */
export interface HealthServices {
  pool: Pool;
  launcher: Launcher;
  inFlight: InFlight;
  batches: Batches;
  secret: Secret;
}

/** Reports what is known now. Never waits for the CLI, and requires no key. */
export function healthRoutes(services: HealthServices, logger: Logger): Router<RequestState> {
  const { pool, launcher, inFlight, batches, secret } = services;
  const router = new Router<RequestState>();
  const startedAt = performance.now();
  let lastFailure = "";

  router.get("/health", async (context) => {
    await answerChallenge(context, secret).catch(({ message }: Error) => {
      // each window polls once a second
      if (message !== lastFailure) logger.warn(`VS Code windows cannot recognize this server: ${message}`);
      lastFailure = message;
    });
    const { waiting, workers } = pool.stats;
    const cli = launcher.found;
    pool.refresh();
    context.body = {
      status: "ok",
      service: "claude-virtual-api",
      version,
      uptime_seconds: Math.round((performance.now() - startedAt) / 1000),
      cli: cli ? { path: cli.path, version: cli.version, ...signInState(pool), ...rules(pool) } : null,
      transport: {
        name: launcher.choice.name,
        reason: launcher.choice.reason ?? null,
        // before the first count, what speaks against exact ones is not known
        counts: { exact: launcher.choice.countReason === undefined, reason: launcher.choice.countReason ?? null },
      },
      // also where they keep the CLI from running, so that it says nothing
      managed_settings: (await readManagedSettings()).map((file) => ({ file: file.origin, names: keysOf([file]) })),
      left_out: launcher.removedBaseUrls.map(({ place, url, names }) => ({ place, base_url: url, names })),
      workers: { alive: workers },
      batches: batches.progress,
      requests: { running: inFlight.running, waiting, served: inFlight.total },
    };
  });

  return router;
}

/** Omits the user's identity, because any local program may ask. `signed_in` is null while unknown. */
function signInState({ description }: Pool) {
  if (!description) return { signed_in: null, sign_in: null };
  const signIn = signInOf(description) ?? null;
  return { signed_in: signIn !== null, sign_in: signIn };
}

function rules({ description }: Pool) {
  const { guard = null, settings = [], withoutMods = [], overrides = [] } = description?.organization ?? {};
  return { organization: { guard, managed_settings: settings, mods_forbidden_by: withoutMods, overrides } };
}

/** Proves to a window that this server belongs to its data directory (see `shared/proof.ts`). */
async function answerChallenge(context: Pick<Context, "get" | "set" | "socket">, secret: Secret): Promise<void> {
  const challenge = context.get(CHALLENGE_HEADER);
  if (!isChallenge(challenge)) return;
  const { localAddress, localPort, remoteAddress, remotePort } = context.socket;
  const server = { address: localAddress, port: localPort };
  const client = { address: remoteAddress, port: remotePort };
  context.set(PROOF_HEADER, proofOf(await secret.read(), challenge, { server, client }));
}
