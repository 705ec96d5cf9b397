import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { apiCount } from "./apiCount.ts";
import { CLOUD_CALL, eventStreamFrame } from "./clouds.ts";
import { echo, type Reply, type StreamEvent, WRITTEN } from "./replies.ts";

/** A request that reached the fake API. `body` is the parsed JSON, `raw` its exact text. */
export interface Recorded {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  body: any;
  raw: string;
  /** True once the answer is complete, false if the client disconnected first. */
  finished: Promise<boolean>;
}

/** Decides the answer to one request to `/v1/messages`. */
export type Responder = (request: Recorded) => Reply | Promise<Reply>;

/**
 * A fake of Anthropic's API, Bedrock and Vertex on the loopback interface. Records requests and
 * answers by script. Like the real API it rejects aliases, a missing version header, a fifth cache
 * breakpoint, and a stream without a token.
 */
export class FakeApi {
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #sockets = new Set<Socket>();
  /** Every POST to `/v1/messages` or the cloud's equivalent, in order of arrival. */
  readonly messages: Recorded[] = [];
  /** All other requests. */
  readonly others: Recorded[] = [];
  respond: Responder = (request) => echo(request.body);
  /** Rejects a count in addition to the API's rules, or holds it back. */
  refuseCount: (request: Recorded) => Reply | undefined | Promise<undefined> = () => undefined;

  static async start(port = 0): Promise<FakeApi> {
    const fakeApi = new FakeApi();
    fakeApi.#server.on("connection", (socket) => {
      fakeApi.#sockets.add(socket);
      socket.on("close", () => fakeApi.#sockets.delete(socket));
    });
    fakeApi.#server.listen(port, "127.0.0.1");
    await once(fakeApi.#server, "listening");
    return fakeApi;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Clears the records and restores the echo. */
  reset(): void {
    this.messages.length = 0;
    this.others.length = 0;
    this.respond = (request) => echo(request.body);
    this.refuseCount = () => undefined;
  }

  /** Calls of the counter. */
  get counts(): Recorded[] {
    return this.others.filter(({ path }) => path.startsWith("/v1/messages/count_tokens"));
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const recorded = await record(request, response);
    const path = recorded.path.split("?")[0];
    response.setHeader("request-id", `req_${randomBytes(12).toString("hex")}`);
    if (recorded.method === "POST" && path === "/v1/messages") {
      this.messages.push(recorded);
      await send(response, refusal(recorded) ?? (await this.respond(recorded)), recorded.body.stream === true);
      return;
    }
    const cloud = CLOUD_CALL.exec(path ?? "");
    if (recorded.method === "POST" && cloud) {
      this.messages.push(recorded);
      const encode = cloud[0].startsWith("/invoke") ? eventStreamFrame : frame;
      await send(response, await this.respond(recorded), /stream/.test(cloud[0]), encode);
      return;
    }
    this.others.push(recorded);
    if (path?.endsWith("/count-tokens:rawPredict")) {
      json(response, 200, { input_tokens: apiCount(recorded.body) });
    } else if (recorded.method === "POST" && path === "/v1/messages/count_tokens") {
      const refused = refusal(recorded) ?? (await this.refuseCount(recorded));
      if (refused) await send(response, refused, false);
      else json(response, 200, { input_tokens: apiCount(recorded.body) });
    } else if (recorded.method === "HEAD" || path === "/") {
      json(response, 200, {});
    } else {
      json(response, 404, { type: "error", error: { type: "not_found_error", message: "Not Found" } });
    }
  }
}

async function record(request: IncomingMessage, response: ServerResponse): Promise<Recorded> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks).toString("utf8");
  const finished = new Promise<boolean>((resolve) => response.on("close", () => resolve(response.writableFinished)));
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.headers,
    body: raw === "" ? undefined : JSON.parse(raw),
    raw,
    finished,
  };
}

const FULL_MODEL_ID = /^claude-([a-z0-9-]*\d[a-z0-9-]*|mythos-preview)$/;

/** Refusals of the real API that reveal faults of the bridge, not of a client. */
function refusal({ body, headers }: Recorded): Reply | undefined {
  const refuse = (status: number, type: string, message: string): Reply => ({ status, error: { type, message } });
  if (headers["anthropic-version"] === undefined) {
    return refuse(400, "invalid_request_error", "anthropic-version: header is required");
  }
  if (!FULL_MODEL_ID.test(String(body?.model))) return refuse(404, "not_found_error", `model: ${body?.model}`);
  if (body?.max_tokens === 0 && body.stream) {
    return refuse(400, "invalid_request_error", "max_tokens: 0 is not allowed with stream");
  }
  const marks = countMarks(body);
  if (marks > 4) {
    return refuse(
      400,
      "invalid_request_error",
      `A maximum of 4 blocks with cache_control may be provided. Found ${marks}.`,
    );
  }
  return undefined;
}

function countMarks(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countMarks(item), 0);
  if (typeof value !== "object" || value === null) return 0;
  const own = "cache_control" in value && value.cache_control ? 1 : 0;
  return Object.values(value).reduce<number>((sum, item) => sum + countMarks(item), own);
}

async function send(response: ServerResponse, reply: Reply, stream: boolean, encode = frame): Promise<void> {
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if ("error" in reply) {
    const requestId = reply.requestId ?? String(response.getHeader("request-id"));
    json(response, reply.status, { type: "error", error: reply.error, request_id: requestId });
    return;
  }
  if ("plain" in reply) {
    response.writeHead(reply.status, { "content-type": "text/html" });
    response.end(reply.plain);
    return;
  }
  if ("hangUp" in reply) {
    response.socket?.destroy();
    return;
  }
  if (!stream) {
    if (reply.folded) json(response, 200, reply.folded);
    else json(response, 500, { type: "error", error: { type: "api_error", message: "This answer is only streamed." } });
    return;
  }
  const type = encode === frame ? "text/event-stream; charset=utf-8" : "application/vnd.amazon.eventstream";
  response.writeHead(200, { "content-type": type, "cache-control": "no-cache" });
  // the real API sends its headers before the first event
  response.flushHeaders();
  const closed = once(response, "close");
  for await (const event of reply.events) {
    if (response.destroyed) return;
    if (event === "cut") {
      response.socket?.destroy();
      return;
    }
    if (!response.write(encode(event))) await Promise.race([once(response, "drain"), closed]);
  }
  response.end();
}

function frame(event: StreamEvent): string | Buffer {
  return `event: ${event.type}\ndata: ${event[WRITTEN] ?? JSON.stringify(event)}\n\n`;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
