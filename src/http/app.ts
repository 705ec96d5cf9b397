import Router from "@koa/router";
import Koa from "koa";
import { shuttingDown } from "../api/errors.ts";
import type { Batches } from "../batches/batches.ts";
import type { Pool } from "../claude/pool/pool.ts";
import type { Launcher } from "../claude/process/launcher.ts";
import type { FileStore } from "../files/store.ts";
import type { BodyMemory } from "../messages/bodyMemory.ts";
import type { RequestReader } from "../messages/requestReader.ts";
import type { RunContext } from "../messages/run.ts";
import type { ModelList } from "../models/modelList.ts";
import type { Logger } from "../shared/logger.ts";
import type { DataDirectory } from "../storage/dataDirectory.ts";
import type { Secret } from "../storage/secret.ts";
import { TokenCounter } from "../tokens/countTokens.ts";
import type { Ledger } from "../usage/ledger.ts";
import { jsonBody } from "./body.ts";
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
import { batchResults, cancelBatch, createBatch, deleteBatch, listBatches, retrieveBatch } from "./routes/batches.ts";
import { countTokens } from "./routes/countTokens.ts";
import { deleteFile, downloadFile, listFiles, retrieveFile, uploadFile } from "./routes/files.ts";
import { health } from "./routes/health.ts";
import { createMessage } from "./routes/messages.ts";
import { listModels, retrieveModel } from "./routes/models.ts";
import { messagesUsage, organization } from "./routes/organizations.ts";
import { hello, welcome } from "./routes/welcome.ts";

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
  /** For requests to the model. */
  run: RunContext;
  reader: RequestReader;
  memory: BodyMemory;
}

/** Megabytes of a body of `/v1/messages` (docs: "Request size limits"). */
const MESSAGES_LIMIT_MB = 32;

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

/**
 * Creates the routes. Checks run in the API's order: the key, the version, then the body (contract: order of checks).
 */
function createRouter(options: AppOptions, services: Services, logger: Logger): Router {
  const { pool, directory, files, batches, ledger, models, reader, memory, closing } = services;
  const { apiKey, modelMap, requestTimeout, clientIdleTimeout, traffic } = options;
  const isContended = () => pool.stats.waiting > 0;
  const ways = { requestTimeout, clientIdleTimeout, traffic, closing, isContended };
  const messages = createMessage({ ...services.run, ...ways, reader, modelMap }, logger);
  const api = [singleValueHeaders, rejectNested(pool, logger), authenticate(apiKey), apiVersion] as const;
  const router = new Router();
  router.get(
    "/",
    welcome(() => routesOf(router)),
  );
  router.get("/health", health(services, logger));
  router.get("/api/hello", hello);
  router.post("/v1/messages", ...api, jsonBody(MESSAGES_LIMIT_MB, memory), messages);
  const counter = new TokenCounter(pool, logger);
  const count = countTokens(counter, { pool, reader, modelMap, requestTimeout, closing });
  router.post("/v1/messages/count_tokens", ...api, jsonBody(MESSAGES_LIMIT_MB, memory), count);
  router.post("/v1/messages/batches", ...api, createBatch(batches));
  router.get("/v1/messages/batches", ...api, listBatches(batches));
  router.get("/v1/messages/batches/:id", ...api, retrieveBatch(batches));
  router.delete("/v1/messages/batches/:id", ...api, deleteBatch(batches));
  router.get("/v1/messages/batches/:id/results", ...api, batchResults(batches));
  router.post("/v1/messages/batches/:id/cancel", ...api, cancelBatch(batches));
  router.post("/v1/files", ...api, uploadFile(files));
  router.get("/v1/files", ...api, listFiles(files));
  router.get("/v1/files/:id", ...api, retrieveFile(files));
  router.delete("/v1/files/:id", ...api, deleteFile(files));
  router.get("/v1/files/:id/content", ...api, downloadFile(files));
  router.get("/v1/models", ...api, listModels(models));
  router.get("/v1/models/:id", ...api, retrieveModel(models, modelMap));
  router.get("/v1/organizations/me", ...api, organization(directory));
  router.get("/v1/organizations/usage_report/messages", ...api, messagesUsage(ledger));
  return router;
}

/** Counts every request, and logs one line when its response is closed. */
function logRequests(inFlight: InFlight, logger: Logger): Koa.Middleware {
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
