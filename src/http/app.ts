import Router from "@koa/router";
import Koa from "koa";
import { methodNotAllowed } from "../api/errors.ts";
import type { Launcher } from "../claude/launcher.ts";
import type { Pool } from "../claude/pool.ts";
import type { Logger } from "../shared/logger.ts";
import type { Activity } from "./activity.ts";
import { jsonBody } from "./body.ts";
import { Exchange } from "./exchange.ts";
import { type AccessOptions, authenticate, sameMachine } from "./middleware/access.ts";
import { apiVersion } from "./middleware/apiVersion.ts";
import { errors } from "./middleware/errors.ts";
import { health, welcome } from "./routes/health.ts";
import { createMessage } from "./routes/messages.ts";
import { listModels, retrieveModel } from "./routes/models.ts";

export interface AppOptions extends AccessOptions {
  apiKey?: string;
  modelMap: Record<string, string>;
  requestTimeout: number;
  traffic: () => boolean;
}

/** What stands behind the routes. */
export interface Rooms {
  pool: Pool;
  launcher: Launcher;
  activity: Activity;
}

/** Megabytes of a body of `/v1/messages` (docs: "Request size limits"). */
const MESSAGES_LIMIT = 32;

/** Every route with what comes before it: who may call, then which, then what is sent (contract: order of checks). */
export function createApp(options: AppOptions, { pool, launcher, activity }: Rooms, logger: Logger): Koa {
  const { apiKey, modelMap, requestTimeout, traffic } = options;
  const messages = createMessage({ pool, modelMap, requestTimeout, traffic, activity }, logger);
  const api = [authenticate(apiKey), apiVersion] as const;
  const router = new Router();
  router.get("/", welcome);
  router.get("/health", health(pool, launcher, activity));
  router.post("/v1/messages", ...api, jsonBody(MESSAGES_LIMIT), messages);
  router.get("/v1/models", ...api, listModels(pool));
  router.get("/v1/models/:id", ...api, retrieveModel(pool, modelMap));

  const app = new Koa();
  app.use(errors(logger));
  app.use(sameMachine(options));
  app.use(note(activity, logger));
  app.use(router.routes());
  app.use(refuseMethod(router));
  // a client that goes away in mid-answer is no failure of ours
  app.on("error", (error: Error) => logger.debug(`connection: ${error.message}`));
  return app;
}

/** Counts every request and logs its one line when its answer is closed. */
function note(activity: Activity, logger: Logger): Koa.Middleware {
  return async (context, next) => {
    activity.count();
    context.state.exchange = new Exchange(context);
    context.state.exchange.logAtEnd(logger);
    await next();
  };
}

/** 405 for a path that is known with another method. */
function refuseMethod(router: Router): Koa.Middleware {
  return async (context, next) => {
    const methods = new Set(router.match(context.path, context.method).path.flatMap((layer) => layer.methods));
    if (methods.size > 0) throw methodNotAllowed([...methods].join(", "));
    await next();
  };
}
