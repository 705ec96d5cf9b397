import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { DESCRIBE_HEADER } from "../api/messageDescriptors.ts";
import { connectProven, type ReadSecret, responseTo } from "./provenConnection.ts";

/** Longest wait for the proof: the extension host of another window may be busy. */
const PROOF_TIMEOUT_MS = 10_000;

/** Statuses for which `Response` accepts no body, not even an empty one. */
const BODILESS_STATUSES = new Set([204, 205, 304]);

/** A `fetch` that sends the request only after the server has proved, on the same connection, that it is ours. */
export function provenFetch(readSecret: ReadSecret): typeof globalThis.fetch {
  return async (input, init) => {
    const asked = new Request(input, init);
    const url = new URL(asked.url);
    const { signal } = asked;
    const deadline = AbortSignal.timeout(PROOF_TIMEOUT_MS);
    const connection = await connectProven(url, readSecret, AbortSignal.any([signal, deadline])).catch((error) => {
      signal.throwIfAborted();
      throw error;
    });
    try {
      signal.throwIfAborted();
      const headers = { ...Object.fromEntries(asked.headers), [DESCRIBE_HEADER]: "1", ...lengthOf(init?.body) };
      const request = connection.request({ method: asked.method, path: url.pathname + url.search, headers });
      const abort = () => request.destroy(signal.reason);
      signal.addEventListener("abort", abort);
      request.once("close", () => signal.removeEventListener("abort", abort));
      const answered = responseTo(request);
      // an answer may come before the whole body is sent; an earlier failure rejects `answered` as well
      if (asked.body) pipeline(Readable.fromWeb(asked.body as ReadableStream), request).catch(() => {});
      else request.end();
      const answer = await answered;
      answer.once("close", () => connection.close());
      return toResponse(answer, signal);
    } catch (error) {
      connection.close();
      throw error;
    }
  };
}

function lengthOf(body: unknown): { "content-length"?: number } {
  return typeof body === "string" ? { "content-length": Buffer.byteLength(body) } : {};
}

function toResponse(answer: IncomingMessage, signal: AbortSignal): Response {
  const status = answer.statusCode ?? 500;
  const abort = () => answer.destroy(signal.reason);
  signal.addEventListener("abort", abort);
  answer.once("close", () => signal.removeEventListener("abort", abort));
  if (BODILESS_STATUSES.has(status)) answer.on("error", () => {}).resume();
  const body = BODILESS_STATUSES.has(status)
    ? null
    : (Readable.toWeb(answer) as ConstructorParameters<typeof Response>[0]);
  return new Response(body, { status, statusText: answer.statusMessage ?? "", headers: toHeaders(answer.headers) });
}

function toHeaders(headers: IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  );
}
