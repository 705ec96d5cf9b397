import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { overloaded, requestStalled } from "../api/errors.ts";
import type { Logger } from "../shared/logger.ts";
import type { ApiRequest } from "./apiRequest.ts";
import { endWithError } from "./endWithError.ts";

export interface ConnectionBounds {
  maxConnections: number;
  /** For a request's headers, from its first byte or the start of the connection. */
  headersMs: number;
  /** Idle time between two requests. */
  keepAliveMs: number;
  /** For an unauthenticated request, from its headers to the end of its response. */
  unauthenticatedMs: number;
  /** Without a byte of the body. An upload may take hours as long as it makes progress. */
  silenceMs: number;
  checkIntervalMs: number;
  /** Discards what a rejected client still sends, so that it can read its response. */
  discard: { bytes: number; milliseconds: number };
}

export const defaultConnectionBounds: Omit<ConnectionBounds, "maxConnections"> = {
  headersMs: 30_000,
  // longer than in common clients, so that they close first
  keepAliveMs: 75_000,
  unauthenticatedMs: 60_000,
  silenceMs: 60_000,
  checkIntervalMs: 5_000,
  discard: { bytes: 1024 * 1024, milliseconds: 1_000 },
};

/** A request and its response. Ends when the response is closed and the request's body has arrived. */
export interface Exchange {
  request: ApiRequest;
  response: ServerResponse;
  since: number;
}

interface Connection {
  exchanges: Set<Exchange>;
  used: boolean;
  /** When the connection was opened, or its last exchange ended. */
  idleSince: number;
  bytesRead: number;
  readAt: number;
}

/**
 * Bounds the number of connections, the duration of unauthenticated requests and the silence of others. Node bounds
 * only headers, and lets blank lines keep an idle connection open.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  readonly #bounds: ConnectionBounds;
  readonly #logger: Logger;
  readonly #now: () => number;
  #checkedAt: number;
  /** Milliseconds that this process was awake, measured at each check. */
  #awakeMs = 0;
  #isFull = false;

  constructor(bounds: ConnectionBounds, logger: Logger, now = () => performance.now()) {
    this.#bounds = bounds;
    this.#logger = logger;
    this.#now = now;
    this.#checkedAt = now();
  }

  get size(): number {
    return this.#open.size;
  }

  /** Adds a connection. At the limit, closes an idle one, or rejects the new one if there is none. */
  add(socket: Socket): void {
    if (this.size >= this.#bounds.maxConnections && !this.#makeRoom()) {
      endWithError(socket, overloaded(this.size));
      socket.destroySoon();
      return;
    }
    const now = this.#awakeMs;
    this.#open.set(socket, { exchanges: new Set(), used: false, idleSince: now, bytesRead: 0, readAt: now });
    socket.once("close", () => this.#remove(socket));
  }

  /** Watches a request until it ends. Returns false if its connection was rejected. */
  watch(request: ApiRequest, response: ServerResponse): boolean {
    const connection = this.#open.get(request.socket);
    if (!connection) return false;
    const exchange = { request, response, since: this.#awakeMs };
    connection.used = true;
    connection.exchanges.add(exchange);
    let answered = false;
    const end = () => {
      if (!answered || request.isBodyPending) return;
      connection.exchanges.delete(exchange);
      connection.idleSince = this.#awakeMs;
    };
    response.once("close", () => {
      answered = true;
      end();
    });
    request.once("close", end);
    return true;
  }

  /** Returns the oldest exchange of a connection: the one whose response comes next. */
  oldestExchange(socket: Socket): Exchange | undefined {
    const [first] = this.#open.get(socket)?.exchanges ?? [];
    return first;
  }

  /** Closes connections that exceed a bound. */
  check(): void {
    const now = this.#now();
    // clients could not send while the machine slept or the event loop was busy
    this.#awakeMs += Math.min(now - this.#checkedAt, 2 * this.#bounds.checkIntervalMs);
    this.#checkedAt = now;
    for (const [socket, connection] of this.#open) this.#checkOne(socket, connection);
  }

  #checkOne(socket: Socket, connection: Connection): void {
    const now = this.#awakeMs;
    const { keepAliveMs, headersMs, unauthenticatedMs, silenceMs } = this.#bounds;
    if (socket.bytesRead !== connection.bytesRead) {
      connection.bytesRead = socket.bytesRead;
      connection.readAt = now;
    }
    const exchange = this.oldestExchange(socket);
    if (!exchange) {
      // Node lets blank lines keep an idle connection open; allow for headers that have just begun
      if (now - connection.idleSince > keepAliveMs + headersMs) socket.destroy();
      return;
    }
    const { request, response, since } = exchange;
    // unread bytes of the body mean that the delay is ours, not the client's
    const silentSince =
      request.isBodyPending && request.readableLength === 0 ? Math.max(since, connection.readAt) : now;
    if (!request.isAuthenticated && now - since > unauthenticatedMs)
      this.#closeStalled(socket, response, unauthenticatedMs);
    else if (now - silentSince > silenceMs) this.#closeStalled(socket, response, silenceMs);
  }

  #closeStalled(socket: Socket, response: ServerResponse, bound: number): void {
    this.#logger.debug(`connection: closed, because its request made no progress for ${bound / 1000} s`);
    if (response.headersSent) {
      socket.destroy();
    } else {
      endWithError(socket, requestStalled(bound));
      socket.destroySoon();
    }
  }

  /** Closes the oldest connection that never had a request, else the one that has been idle for longest. */
  #makeRoom(): boolean {
    if (!this.#isFull)
      this.#logger.warn(`The limit of ${this.size} connections is reached: idle ones are closed first.`);
    this.#isFull = true;
    let socket: Socket | undefined;
    let oldest = { used: true, idleSince: Number.POSITIVE_INFINITY };
    for (const [candidate, connection] of this.#open) {
      const { exchanges, used, idleSince } = connection;
      if (exchanges.size > 0 || (used && !oldest.used)) continue;
      if (used === oldest.used && idleSince >= oldest.idleSince) continue;
      socket = candidate;
      oldest = connection;
    }
    if (!socket) return false;
    socket.destroy();
    this.#remove(socket);
    return true;
  }

  #remove(socket: Socket): void {
    this.#open.delete(socket);
    if (this.size < this.#bounds.maxConnections / 2) this.#isFull = false;
  }
}
