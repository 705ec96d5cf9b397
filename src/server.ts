import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Launcher } from "./claude/launcher.ts";
import { Pool } from "./claude/pool.ts";
import { createApp } from "./http/app.ts";
import { isLoopback } from "./http/middleware/access.ts";
import type { ServerOptions } from "./options.ts";
import type { Logger } from "./shared/logger.ts";

/** The running core, whichever door it was started through. */
export interface Server {
  /** Starts to listen and warms the first workers in the background. Rejects with Node's `EADDRINUSE` and the like. */
  listen(): Promise<void>;
  /** Stops taking requests, ends the running ones, and resolves when every worker is gone. */
  close(): Promise<void>;
  /** The base URL clients use. Throws before `listen`. */
  readonly url: string;
}

/** Milliseconds an unused connection stays open: longer than clients keep theirs, so that they close first. */
const KEEP_ALIVE = 75_000;

/** Builds the core from its options. Throws when it would be open to the network without a key. */
export function createServer(options: ServerOptions, logger: Logger): Server {
  if (!isLoopback(options.host) && options.apiKey === undefined) {
    throw new Error(`Listening on ${options.host} opens the server to other machines: configure an API key first.`);
  }
  const launcher = new Launcher(options, logger);
  const pool = new Pool(launcher, options, logger);
  const app = createApp(options, pool, launcher, logger);
  const http = createHttpServer({ keepAliveTimeout: KEEP_ALIVE }, app.callback());

  return {
    async listen() {
      await listening(http, options.port, options.host);
      logger.info(`listening on ${urlOf(http)}`);
      // brings the pool to where the first request finds a worker, and /health the state of the sign-in
      pool.describe().catch((error: Error) => logger.warn(error.message));
    },
    async close() {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      const poolClosed = pool.close();
      http.closeAllConnections();
      await Promise.all([closed, poolClosed]);
      launcher.close();
      logger.info("stopped");
    },
    get url() {
      return urlOf(http);
    },
  };
}

function listening(http: HttpServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen({ port, host }, () => {
      http.off("error", reject);
      resolve();
    });
  });
}

function urlOf(http: HttpServer): string {
  const { address, port, family } = http.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
