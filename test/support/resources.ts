import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Batch, UploadedFile } from "../../src/client.ts";
import { prober, type RunningBatch } from "../../src/extension/probe.ts";
import { CHALLENGE_HEADER, PROOF_HEADER, proofOf } from "../../src/shared/proof.ts";

const SECRET = Buffer.alloc(32, "a secret");

export const readSecret = async () => SECRET;

/** Probes a server like a window that knows the tests' secret. */
export const probe = prober(readSecret);

/** The header by which a server proves that it knows the tests' secret; none without a challenge. */
export function proofFor({ headers, socket }: IncomingMessage) {
  const challenge = headers[CHALLENGE_HEADER];
  const server = { address: socket.localAddress, port: socket.localPort };
  const client = { address: socket.remoteAddress, port: socket.remotePort };
  return typeof challenge === "string" ? { [PROOF_HEADER]: proofOf(SECRET, challenge, { server, client }) } : {};
}

/** A fake of the server's batches and files, which a test can inspect. */
export class Resources {
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  /** Both newest first. */
  batches: Batch[] = [];
  files: UploadedFile[] = [];
  running: RunningBatch[] = [];
  results = "";
  /** The multipart body of each upload. */
  readonly uploads: string[] = [];
  /** Method and path of every request. Those to `/health` are only counted. */
  readonly requests: string[] = [];
  looks = 0;
  /** The answer of everything but `/health`. */
  refusal: { status: number; type: string; message: string } | undefined;

  static async start(): Promise<Resources> {
    const resources = new Resources();
    resources.#server.listen(0, "127.0.0.1");
    await once(resources.#server, "listening");
    return resources;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.url);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (pathname === "/health") {
      response.setHeaders(new Map(Object.entries(proofFor(request))));
      if (request.method === "GET") this.looks += 1;
      json(response, 200, { service: "claude-virtual-api", requests: { running: 0 }, batches: this.running });
      return;
    }
    this.requests.push(`${request.method} ${request.url}`);
    if (this.refusal) return refuse(response, this.refusal);
    const call = `${request.method} ${pathname.replace(/(batches|files)\/[^/]+/, "$1/{id}")}`;
    const id = /(?:batches|files)\/([^/]+)/.exec(pathname)?.[1] ?? "";
    const answer = this.#answer(call, id, searchParams, Buffer.concat(chunks).toString("latin1"));
    if (typeof answer === "string") {
      response.writeHead(200, { "content-type": "application/x-jsonl" });
      response.end(answer);
    } else if (answer) json(response, 200, answer);
    else refuse(response, { status: 404, type: "not_found_error", message: "Not Found" });
  }

  #answer(call: string, id: string, query: URLSearchParams, body: string): string | object | undefined {
    switch (call) {
      case "GET /v1/messages/batches":
        return pageOf(this.batches, query.get("limit"), query.get("after_id"));
      case "GET /v1/files":
        return pageOf(this.files, query.get("limit"), query.get("page")?.replace("page_", ""));
      case "POST /v1/messages/batches/{id}/cancel":
        this.batches = this.batches.map((one) => (one.id === id ? { ...one, processing_status: "canceling" } : one));
        return this.batches.find((one) => one.id === id);
      case "DELETE /v1/messages/batches/{id}":
        this.batches = this.batches.filter((one) => one.id !== id);
        return { id, type: "message_batch_deleted" };
      case "GET /v1/messages/batches/{id}/results":
        return this.results;
      case "POST /v1/files":
        this.uploads.push(body);
        this.files = [aFile({ filename: /filename="([^"]*)"/.exec(body)?.[1] ?? "" }), ...this.files];
        return this.files[0];
      case "DELETE /v1/files/{id}":
        this.files = this.files.filter((one) => one.id !== id);
        return { id, type: "file_deleted" };
      default:
        return undefined;
    }
  }
}

let made = 0;
const idOf = (prefix: string) => `${prefix}_${String(++made).padStart(24, "0")}`;

export function aBatch(more: Partial<Batch> = {}, counts: Partial<Batch["request_counts"]> = {}): Batch {
  return {
    id: idOf("msgbatch"),
    processing_status: "in_progress",
    request_counts: { processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0, ...counts },
    created_at: "2026-11-22T12:00:00Z",
    expires_at: "2026-11-23T12:00:00Z",
    ended_at: null,
    cancel_initiated_at: null,
    archived_at: null,
    ...more,
  };
}

export function aFile(more: Partial<UploadedFile> = {}): UploadedFile {
  return {
    id: idOf("file"),
    filename: "report.pdf",
    mime_type: "application/pdf",
    size_bytes: 1_234_567,
    created_at: "2026-11-22T12:00:00Z",
    expires_at: null,
    ...more,
  };
}

/** Both envelopes of a list. */
function pageOf(all: { id: string }[], limit: string | null, after: string | null | undefined) {
  const from = after ? all.findIndex(({ id }) => id === after) + 1 : 0;
  const data = all.slice(from, from + Number(limit ?? 20));
  const has_more = from + data.length < all.length;
  const last_id = data.at(-1)?.id ?? null;
  return { data, has_more, first_id: data[0]?.id ?? null, last_id, next_page: has_more ? `page_${last_id}` : null };
}

function refuse(response: ServerResponse, { status, type, message }: NonNullable<Resources["refusal"]>): void {
  response.setHeader("x-should-retry", "false");
  json(response, status, { type: "error", error: { type, message }, request_id: "req_1" });
}

function json(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
