import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { StreamEvent } from "../api/events.ts";

export interface Call {
  body: Record<string, unknown>;
  /** Resolves with true if the answer was sent completely. */
  ended: Promise<boolean>;
}

/** The answer to a call: events, or a refusal. `endless` keeps the stream open after the events. */
export type Answer = { events: readonly StreamEvent[]; endless?: boolean } | Refusal;

interface Refusal {
  status: number;
  type: string;
  message: string;
}

export const FAKE_TOKEN_COUNT = 4711;
export const FAKE_REQUEST_ID = "req_00000000000000000selfcheck";

export class FakeApi implements AsyncDisposable {
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly calls: Call[] = [];
  /** The bodies of count calls, unparsed. */
  readonly counts: string[] = [];
  refusalOfCounts: Refusal | undefined;
  answer: Answer = { events: [] };

  static async start(): Promise<FakeApi> {
    const api = new FakeApi();
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const path = request.method === "POST" ? request.url?.split("?")[0] : undefined;
    if (path === "/v1/messages/count_tokens") {
      this.counts.push(text);
      if (this.refusalOfCounts) refuse(response, this.refusalOfCounts);
      else
        response.setHeader("content-type", "application/json").end(JSON.stringify({ input_tokens: FAKE_TOKEN_COUNT }));
      return;
    }
    if (path !== "/v1/messages") {
      response.end("{}");
      return;
    }
    const ended = new Promise<boolean>((resolve) => response.once("close", () => resolve(response.writableFinished)));
    this.calls.push({ body: JSON.parse(text), ended });
    this.#send(response);
  }

  #send(response: ServerResponse): void {
    const { answer } = this;
    if ("status" in answer) {
      refuse(response, answer);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of answer.events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    if (!answer.endless) response.end();
  }
}

function refuse(response: ServerResponse, { status, type, message }: Refusal): void {
  response.writeHead(status, { "content-type": "application/json", "request-id": FAKE_REQUEST_ID });
  response.end(JSON.stringify({ type: "error", error: { type, message }, request_id: FAKE_REQUEST_ID }));
}
