import { get, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { Logger } from "../shared/logger.ts";

export interface SecondListener {
  url: string;
  /** Stops accepting connections; resolves when the accepted ones are closed. */
  close(): Promise<void>;
}

/** The two addresses of `localhost`. Some clients try only one of them. */
const OTHER_LOOPBACK: Record<string, string> = { "127.0.0.1": "::1", "::1": "127.0.0.1" };
/** Hosts that mean the whole loopback interface; any other address is taken literally. */
const LOOPBACK_HOSTS = ["127.0.0.1", "localhost"];

/** Also serves the other loopback address, at the same port. Logs a failure and resolves with undefined. */
export async function listenOnOtherLoopback(
  http: HttpServer,
  host: string,
  logger: Logger,
): Promise<SecondListener | undefined> {
  const { address } = http.address() as AddressInfo;
  const other = LOOPBACK_HOSTS.includes(host) ? OTHER_LOOPBACK[address] : undefined;
  return other === undefined ? undefined : listenOn(http, other, logger);
}

/** Also serves a second address. Logs a failure and resolves with undefined. */
export async function listenOn(http: HttpServer, address: string, logger: Logger): Promise<SecondListener | undefined> {
  const { port } = http.address() as AddressInfo;
  // the socket options that `http.createServer` uses
  const second = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => http.emit("connection", socket));
  try {
    await listen(second, port, address);
  } catch (error) {
    logListenFailure(error as NodeJS.ErrnoException, http, address, logger);
    return undefined;
  }
  second.on("error", (error) => logger.warn(`dropped an incoming connection: ${error.message}`));
  const close = () => new Promise<void>((resolve) => second.close(() => resolve()));
  return { url: urlOf(second), close };
}

/** Stops accepting connections; resolves when all are closed. */
export async function closeListeners(http: HttpServer, second: SecondListener | undefined): Promise<void> {
  const secondClosed = second?.close();
  await new Promise<void>((resolve) => http.close(() => resolve()));
  await secondClosed;
}

export function listen(server: Server, port: number, host: string): Promise<void> {
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

/** Milliseconds within which one of our own servers would respond. */
const PROBE_TIMEOUT_MS = 2000;

/** Resolves with a message for the user if a program other than Claude Virtual API listens on `[::1]` at this port. */
export async function findForeignService(host: string, port: number): Promise<string | undefined> {
  if (!LOOPBACK_HOSTS.includes(host) || port === 0) return undefined;
  const found = await serviceAt("::1", port);
  if (found === "nothing" || found === "claude-virtual-api") return undefined;
  return portTakenMessage(`[::1]:${port}`, `http://127.0.0.1:${port}`);
}

/** Resolves with the service that `/health` names, "nothing" if no program listens, else "unknown". */
async function serviceAt(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const request = get({ host, port, path: "/health", agent: false, signal }, async (answer) => {
      const parts: Buffer[] = [];
      try {
        for await (const part of answer) parts.push(part as Buffer);
        resolve(String(JSON.parse(Buffer.concat(parts).toString("utf8")).service));
      } catch {
        // not an answer of this service
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

const portTakenMessage = (place: string, url: string) =>
  `Use ${url} instead of 'localhost': another program listens on ${place} and may receive requests with their keys.`;

/** A program on that port may receive the requests and keys of clients that use `localhost`. */
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
