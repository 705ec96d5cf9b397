import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { type ApiError, headersTooLarge, invalidRequest, methodNotAllowed, requestStalled } from "../api/errors.ts";
import type { Logger } from "../shared/logger.ts";
import { ApiRequest } from "./apiRequest.ts";
import { type ConnectionBounds, Connections } from "./connections.ts";
import { endWithError } from "./endWithError.ts";

/** Creates an HTTP server with bounds on its connections. Sends the API's error envelope where Node would not. */
export function createHttpServer(handle: RequestListener, bounds: ConnectionBounds, logger: Logger): Server {
  const connections = new Connections(bounds, logger);
  const http = createServer({
    IncomingMessage: ApiRequest,
    // explicit, because a requestTimeout of 0 would disable this one as well
    headersTimeout: bounds.headersMs,
    // by default Node ends a request whose last byte arrives after five minutes
    requestTimeout: 0,
    connectionsCheckingInterval: bounds.checkIntervalMs,
    keepAliveTimeout: bounds.keepAliveMs,
    // overrides Node's command line
    insecureHTTPParser: false,
    // Node would respond with an empty body
    requireHostHeader: false,
  });
  const serve: RequestListener<typeof ApiRequest> = (request, response) => {
    if (connections.watch(request, response)) handle(request, response);
  };
  http.on("connection", (socket: Socket) => connections.add(socket));
  http.on("request", serve);
  // `authenticate` asks for the body once the key is accepted; other expectations may be ignored (RFC 9110, 10.1.1)
  http.on("checkContinue", serve);
  http.on("checkExpectation", serve);
  http.on("connect", (_request, socket) => endWithError(socket, methodNotAllowed("GET, HEAD, POST, DELETE")));
  http.on("clientError", (error: NodeJS.ErrnoException, socket) =>
    handleClientError(error, socket as Socket, connections, bounds, logger),
  );
  http.on("listening", () => {
    const timer = setInterval(() => connections.check(), bounds.checkIntervalMs).unref();
    http.once("close", () => clearInterval(timer));
  });
  return http;
}

/** Responds to what Node could not parse as a request, if the client can still make sense of a response. */
function handleClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  connections: Connections,
  { headersMs, discard }: ConnectionBounds,
  logger: Logger,
): void {
  if (socket.writableEnded && !socket.destroyed) {
    // the rest of a rejected request is malformed as well
    if (socket.bytesRead > discard.bytes) socket.destroy();
    return;
  }
  const current = connections.oldestExchange(socket);
  // the response to a complete request comes first; what follows is rejected later, or the idle connection is closed
  if (current && !current.request.isBodyPending) return;
  if (!socket.writable || socket.bytesRead === 0 || current?.response.headersSent) {
    socket.destroy();
    return;
  }
  const answer = toApiError(error, headersMs);
  logger.debug(`connection: ${answer.status} (${error.code})`);
  endWithError(socket, answer);
  // closing now, with bytes unread, would reset the connection before the client has read its response
  const timer = setTimeout(() => socket.destroy(), discard.milliseconds).unref();
  socket.once("close", () => clearTimeout(timer));
}

function toApiError({ code }: NodeJS.ErrnoException, headersBound: number): ApiError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return requestStalled(headersBound);
  if (code === "HPE_HEADER_OVERFLOW") return headersTooLarge();
  return invalidRequest(`The request is not valid HTTP/1.1 (${code ?? "malformed"}).`);
}
