import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { overloaded, requestStalled } from "../api/errors.ts";
import type { Logger } from "../shared/logger.ts";
import type { ApiRequest } from "./apiRequest.ts";
import { endWithError } from "./rawAnswer.ts";

export interface ConnectionBounds {
  /** Connections open at once. */
  connections: number;
  /** Milliseconds until the headers of a request are complete, from its first byte or the start of the connection. */
  headers: number;
  /** Milliseconds a connection stays open between two requests. */
  keepAlive: number;
  /** Milliseconds for a request without an accepted key, from its headers to the end of its answer. */
  withoutKey: number;
  /**
   * Milliseconds without a byte while a body is read. An upload may take hours, as long as it moves; one byte now and then
   * holds a connection, whose number is bounded.
   */
  silence: number;
  /** Milliseconds between two checks of all connections. */
  check: number;
  /** Bytes and milliseconds for discarding what a refused client still sends, so that it can read its answer. */
  discard: { bytes: number; time: number };
}

export const defaultBounds: Omit<ConnectionBounds, "connections"> = {
  headers: 30_000,
  // longer than clients keep theirs, so that they close first
  keepAlive: 75_000,
  withoutKey: 60_000,
  silence: 60_000,
  check: 5_000,
  discard: { bytes: 1024 * 1024, time: 1_000 },
};

/** One request with its answer. It is over when the answer is closed and the body has arrived. */
export interface Exchange {
  request: ApiRequest;
  response: ServerResponse;
  since: number;
}

interface Connection {
  exchanges: Set<Exchange>;
  used: boolean;
  /** When the connection was opened, or its last exchange was over. */
  idleSince: number;
  bytesRead: number;
  readAt: number;
}

/**
 * Bounds what connections take: their number, the time of a request without a key, and the silence of one with a key.
 * Node bounds the headers, but neither the blank lines a client sends between two requests nor a body's silence.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  readonly #bounds: ConnectionBounds;
  readonly #logger: Logger;
  readonly #now: () => number;
  #checkedAt: number;
  /** Milliseconds that this process was awake, as far as the checks saw. */
  #time = 0;
  #full = false;

  constructor(bounds: ConnectionBounds, logger: Logger, now = () => performance.now()) {
    this.#bounds = bounds;
    this.#logger = logger;
    this.#now = now;
    this.#checkedAt = now();
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a connection in. At the bound, closes one without a request, or else refuses the new one. */
  add(socket: Socket): void {
    if (this.size >= this.#bounds.connections && !this.#makeRoom()) {
      endWithError(socket, overloaded(this.size));
      socket.destroySoon();
      return;
    }
    const now = this.#time;
    this.#open.set(socket, { exchanges: new Set(), used: false, idleSince: now, bytesRead: 0, readAt: now });
    socket.once("close", () => this.#remove(socket));
  }

  /** Watches a request until it is over. False if its connection was refused. */
  watch(request: ApiRequest, response: ServerResponse): boolean {
    const connection = this.#open.get(request.socket);
    if (!connection) return false;
    const exchange = { request, response, since: this.#time };
    connection.used = true;
    connection.exchanges.add(exchange);
    let answered = false;
    const end = () => {
      if (!answered || request.isBodyPending) return;
      connection.exchanges.delete(exchange);
      connection.idleSince = this.#time;
    };
    response.once("close", () => {
      answered = true;
      end();
    });
    request.once("close", end);
    return true;
  }

  /** The exchange whose answer is the next one on this connection. */
  current(socket: Socket): Exchange | undefined {
    const [first] = this.#open.get(socket)?.exchanges ?? [];
    return first;
  }

  /** Ends connections that exceed a bound. */
  check(): void {
    const now = this.#now();
    // a machine that was asleep, or a busy event loop, has not given clients the time to send
    this.#time += Math.min(now - this.#checkedAt, 2 * this.#bounds.check);
    this.#checkedAt = now;
    for (const [socket, connection] of this.#open) this.#checkOne(socket, connection);
  }

  #checkOne(socket: Socket, connection: Connection): void {
    const now = this.#time;
    const { keepAlive, headers, withoutKey, silence } = this.#bounds;
    if (socket.bytesRead !== connection.bytesRead) {
      connection.bytesRead = socket.bytesRead;
      connection.readAt = now;
    }
    const exchange = this.current(socket);
    if (!exchange) {
      // blank lines between requests keep a connection alive for Node; headers that began last may still have their time
      if (now - connection.idleSince > keepAlive + headers) socket.destroy();
      return;
    }
    const { request, response, since } = exchange;
    // while some of the body waits to be read, the delay is ours, not the client's
    const silentSince =
      request.isBodyPending && request.readableLength === 0 ? Math.max(since, connection.readAt) : now;
    if (!request.isAuthenticated && now - since > withoutKey) this.#end(socket, response, withoutKey);
    else if (now - silentSince > silence) this.#end(socket, response, silence);
  }

  #end(socket: Socket, response: ServerResponse, bound: number): void {
    this.#logger.debug(`connection: ended, since its request made no progress for ${bound / 1000} s`);
    if (response.headersSent) {
      socket.destroy();
    } else {
      endWithError(socket, requestStalled(bound));
      socket.destroySoon();
    }
  }

  /** Closes the oldest connection that never had a request, or else the one that is idle for longest. */
  #makeRoom(): boolean {
    if (!this.#full) this.#logger.warn(`${this.size} connections are open, which is the most there may be.`);
    this.#full = true;
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
    if (this.size < this.#bounds.connections / 2) this.#full = false;
  }
}
