import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import Koa from "koa";
import { afterEach } from "vitest";
import type { ConnectionBounds } from "../../src/http/connections.ts";
import { createHttpServer } from "../../src/http/httpServer.ts";
import { authenticate } from "../../src/http/middleware/access.ts";
import { closeUnread } from "../../src/http/middleware/closeUnread.ts";
import { errors, lastResort } from "../../src/http/middleware/errors.ts";

export const quiet = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };
export const HOUR = 3_600_000;
/** No limit applies unless a test sets it. */
export const patient: ConnectionBounds = {
  ...{
    maxConnections: 100,
    headersMs: HOUR,
    keepAliveMs: HOUR,
    unauthenticatedMs: HOUR,
    silenceMs: HOUR,
    checkIntervalMs: 10,
  },
  discard: { bytes: 100_000, milliseconds: HOUR },
};

export type StartSmallServer = (
  more?: Partial<ConnectionBounds>,
  route?: Koa.Middleware,
) => Promise<{ http: Server; url: string; count(): Promise<number> }>;

/** Starts servers without a core. Each is closed after its test. */
export function smallServers(): StartSmallServer {
  const running: Server[] = [];
  afterEach(() => {
    for (const http of running.splice(0)) {
      http.closeAllConnections();
      http.close();
    }
  });
  return async (more, route) => {
    const { http, url } = await start(more, route);
    running.push(http);
    const count = () => new Promise<number>((resolve) => http.getConnections((_, connections) => resolve(connections)));
    return { http, url, count };
  };
}

/** Two paths without a key, and one with a key that reads the body. */
async function start(more: Partial<ConnectionBounds> = {}, route?: Koa.Middleware) {
  const bounds = { ...patient, ...more };
  const app = new Koa();
  app.context.onerror = lastResort(quiet);
  app.on("error", () => {});
  app.use(closeUnread(bounds.discard));
  app.use(errors(quiet));
  app.use(async (context, next) => {
    if (context.path === "/free") context.body = { free: true };
    else if (context.path === "/large") context.body = "x".repeat(50_000_000);
    else await next();
  });
  app.use(authenticate("right"));
  const reads: Koa.Middleware = async (context) => {
    let size = 0;
    for await (const chunk of context.req) size += (chunk as Buffer).length;
    context.body = { size };
  };
  app.use(route ?? reads);
  const http = createHttpServer(app.callback(), bounds, quiet);
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return { http, url };
}

export const closed = (socket: Socket) => once(socket.resume(), "close");
/** The head of a request to `/`, with the key. */
export const head = (method: string, more: string, key = "right") =>
  `${method} / HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n${more}\r\n`;
