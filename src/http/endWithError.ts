import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ApiError } from "../api/errors.ts";
import { newId } from "../api/ids.ts";

/** For requests that never reach a route. */
export function endWithError(socket: Duplex, error: ApiError): void {
  const id = newId("req");
  const body = JSON.stringify(error.toEnvelope(id));
  const headers = {
    ...error.headers,
    "request-id": id,
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ""}\r\n${lines.join("")}\r\n${body}`);
}
