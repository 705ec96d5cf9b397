import Router from "@koa/router";
import Koa from "koa";
import { shuttingDown } from "../api/errors.ts";
import type { Batches } from "../batches/batches.ts";
import type { Launcher } from "../claude/launcher.ts";
import type { Pool } from "../claude/pool/pool.ts";
import type { FileStore } from "../files/store.ts";
import type { BodyMemory } from "../messages/bodyMemory.ts";
import type { RequestReader } from "../messages/requestReader.ts";
import type { ModelList } from "../models/modelList.ts";
import type { Logger } from "../shared/logger.ts";
import type { DataDirectory } from "../storage/dataDirectory.ts";
import type { Secret } from "../storage/secret.ts";
import type { TokenCounter } from "../tokens/tokenCounter.ts";
import type { Ledger } from "../usage/ledger.ts";
import type { RequestState } from "./apiState.ts";
import { defaultConnectionBounds } from "./connections.ts";
import type { InFlight } from "./inFlight.ts";
import { type AccessOptions, authenticate, checkHostAndOrigin } from "./middleware/access.ts";
import { apiVersion } from "./middleware/apiVersion.ts";
import { closeUnread } from "./middleware/closeUnread.ts";
import { errors, lastResort } from "./middleware/errors.ts";
import { rejectNested } from "./middleware/rejectNested.ts";
import { singleValueHeaders } from "./middleware/singleValueHeaders.ts";
import { correctPath, rejectUnserved, routesOf } from "./middleware/unserved.ts";
import { RequestLog } from "./requestLog.ts";
import { batchRoutes } from "./routes/batches.ts";
import { countRoutes } from "./routes/countTokens.ts";
import { fileRoutes } from "./routes/files.ts";
import { healthRoutes } from "./routes/health.ts";
import { messageRoutes } from "./routes/messages.ts";
import { modelRoutes } from "./routes/models.ts";
import { organizationRoutes } from "./routes/organizations.ts";
import { welcomeRoutes } from "./routes/welcome.ts";

export interface AppOptions extends AccessOptions {
  apiKey?: string;
  modelMap: Record<string, string>;
  requestTimeout: number;
  clientIdleTimeout: number;
  traffic: () => boolean;
}

/** What the routes use. */
export interface Services {
  pool: Pool;
  launcher: Launcher;
  inFlight: InFlight;
  directory: DataDirectory;
  files: FileStore;
  batches: Batches;
  ledger: Ledger;
  models: ModelList;
  /** Lets VS Code windows recognize this server. */
  secret: Secret;
  /** Aborted when the server accepts no further requests. */
  stopping: AbortSignal;
  /** Aborted when the server cancels the requests in flight. */
  closing: AbortSignal;
  reader: RequestReader;
  memory: BodyMemory;
  counter: TokenCounter;
}

/** Creates the Koa app: the routes, and the middleware of every request. */
export function createApp(options: AppOptions, services: Services, logger: Logger): Koa {
  const router = createRouter(options, services, logger);
  const app = new Koa();
  app.context.onerror = lastResort(logger);
  app.use(closeUnread(defaultConnectionBounds.discard));
  app.use(errors(logger));
  app.use(rejectWhileStopping(services.stopping));
  app.use(checkHostAndOrigin(options, logger));
  app.use(correctPath(router));
  app.use(logRequests(services.inFlight, logger));
  app.use(router.routes());
  app.use(rejectUnserved(router));
  // usually a client that disconnected before its response was complete
  app.on("error", (error: Error) => logger.debug(`connection: ${error.message}`));
  return app;
}

function createRouter(options: AppOptions, services: Services, logger: Logger): Router<RequestState> {
  const router = new Router<RequestState>();
  // checks run in the API's order: the key, the version, then the body (contract: order of checks)
  router.use("/v1", singleValueHeaders, rejectNested(services.pool, logger), authenticate(options.apiKey), apiVersion);
  router.use(welcomeRoutes(() => routesOf(router)).routes());
  router.use(healthRoutes(services, logger).routes());
  const resources = [
    messageRoutes(services, options, logger),
    countRoutes(services, options),
    batchRoutes(services),
    fileRoutes(services),
    modelRoutes(services, options),
    organizationRoutes(services),
  ];
  for (const resource of resources) router.use(resource.routes());
  return router;
}

/** Counts every request, and logs one line when its response is closed. */
function logRequests(inFlight: InFlight, logger: Logger): Koa.Middleware<RequestState> {
  return async (context, next) => {
    inFlight.countRequest();
    const requestLog = new RequestLog(context);
    context.state.requestLog = requestLog;
    requestLog.logOnClose(logger);
    // neither a restart nor the status bar needs to wait for reads
    if (context.method === "POST") inFlight.track(requestLog.closed);
    await next();
  };
}

/** Responds with 529, and closes the connection, while the server is closing. */
function rejectWhileStopping(stopping: AbortSignal): Koa.Middleware {
  return async (context, next) => {
    if (stopping.aborted) {
      context.set("connection", "close");
      throw shuttingDown();
    }
    await next();
  };
}
