import { get, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { Logger } from "../shared/logger.ts";

/** A further address on which an HTTP server takes connections. */
export interface SecondListener {
  url: string;
  /** Takes no more connections; resolves when those it took are closed. */
  close(): Promise<void>;
}

/** The two addresses that `localhost` may mean: clients try one and may not try the other. */
const OTHER_LOOPBACK: Record<string, string> = { "127.0.0.1": "::1", "::1": "127.0.0.1" };
/** Hosts that stand for the loopback interface as a whole; any other address is meant literally. */
const WHOLE_LOOPBACK = ["127.0.0.1", "localhost"];

/**
 * Has a server that listens on one loopback address take connections on the other one, at the same port. Resolves with
 * undefined where there is none to take or it cannot be had, which is logged: the first address still serves.
 */
export async function listenOnOtherLoopback(
  http: HttpServer,
  host: string,
  logger: Logger,
): Promise<SecondListener | undefined> {
  const { address } = http.address() as AddressInfo;
  const other = WHOLE_LOOPBACK.includes(host) ? OTHER_LOOPBACK[address] : undefined;
  return other === undefined ? undefined : listenOn(http, other, logger);
}

/** Has a listening server take connections on `address`, too; undefined, with a line in the log, where it cannot. */
export async function listenOn(http: HttpServer, address: string, logger: Logger): Promise<SecondListener | undefined> {
  const { port } = http.address() as AddressInfo;
  // as `http.createServer` has its sockets
  const second = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => http.emit("connection", socket));
  try {
    await listening(second, port, address);
  } catch (error) {
    logListenFailure(error as NodeJS.ErrnoException, http, address, logger);
    return undefined;
  }
  second.on("error", (error) => logger.warn(`a connection could not be taken: ${error.message}`));
  const close = () => new Promise<void>((resolve) => second.close(() => resolve()));
  return { url: urlOf(second), close };
}

/** Takes no more connections; resolves when all are closed. The second address first: what it takes, `http` serves. */
export async function closeListeners(http: HttpServer, second: SecondListener | undefined): Promise<void> {
  const secondClosed = second?.close();
  await new Promise<void>((resolve) => http.close(() => resolve()));
  await secondClosed;
}

/** Resolves when a server listens. Rejects with Node's `EADDRINUSE` and the like. */
export function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

export function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${bracketed(address)}:${port}`;
}

/** Milliseconds in which a program at the other address answers, if it is a server of ours. */
const PROBE_TIMEOUT_MS = 2000;

/**
 * Looks, without a server that runs, whether `[::1]` at this port belongs to a program that is no Claude Virtual API.
 * Resolves with what to know then, else with undefined.
 */
export async function findForeignService(host: string, port: number): Promise<string | undefined> {
  if (!WHOLE_LOOPBACK.includes(host) || port === 0) return undefined;
  const found = await serviceAt("::1", port);
  if (found === "nothing" || found === "claude-virtual-api") return undefined;
  return portTakenMessage(`[::1]:${port}`, `http://127.0.0.1:${port}`);
}

/** The service that `/health` names there, "nothing" where nothing listens, else "unknown". */
async function serviceAt(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const request = get({ host, port, path: "/health", agent: false, signal }, async (answer) => {
      const parts: Buffer[] = [];
      try {
        for await (const part of answer) parts.push(part as Buffer);
        resolve(String(JSON.parse(Buffer.concat(parts).toString("utf8")).service));
      } catch {
        resolve("unknown");
      }
    });
    request.on("error", ({ code }: NodeJS.ErrnoException) => {
      const isFree = code === "ECONNREFUSED" || code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
      resolve(isFree ? "nothing" : "unknown");
    });
  });
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** What to know where another program has the port on an address that `localhost` may mean. */
export const portTakenMessage = (place: string, url: string) =>
  `Another program listens on ${place}. A client that uses 'localhost' may reach that one, with its key: use ${url}.`;

/** A program that has the port there gets the requests, and with them the keys, of clients that use `localhost`. */
function logListenFailure(
  { code, message }: NodeJS.ErrnoException,
  http: HttpServer,
  address: string,
  logger: Logger,
): void {
  const { port } = http.address() as AddressInfo;
  const place = `${bracketed(address)}:${port}`;
  if (code === "EADDRINUSE") {
    logger.warn(portTakenMessage(place, urlOf(http)));
  } else {
    // most often a machine without IPv6
    logger.info(`not listening on ${place}: ${message}`);
  }
}
