import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { expect } from "vitest";

export interface RawRequest {
  method?: string;
  path: string;
  headers?: OutgoingHttpHeaders;
  /** Several chunks omit the content-length. */
  body?: string | Buffer | Buffer[];
}

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends a request unchanged on a new connection. `fetch` would add Host and content type. */
export function rawRequest(url: string, { method = "GET", path, headers = {}, body }: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of response) chunks.push(chunk as Buffer);
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on("error", reject);
    if (Array.isArray(body)) for (const chunk of body) outgoing.write(chunk);
    outgoing.end(Array.isArray(body) ? undefined : body);
  });
}

/** A connection on which a test writes raw bytes. */
export function rawSocket(url: string): Socket {
  return connect({ port: Number(new URL(url).port), host: new URL(url).hostname }).on("error", () => {});
}

/** Writes raw bytes, which need not be valid HTTP, and reads one answer. */
export async function rawBytes(url: string, bytes: string, socket = rawSocket(url)): Promise<RawAnswer> {
  socket.write(bytes, "latin1");
  try {
    return await answerOn(socket);
  } finally {
    socket.destroy();
  }
}

/** Reads one answer with a content-length. Rejects if the connection ends before. */
export async function answerOn(socket: Socket): Promise<RawAnswer> {
  let received = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received += (chunk as Buffer).toString("latin1");
    const answer = parseAnswer(received);
    if (answer) return answer;
  }
  throw new Error(`The connection ended with '${received}'`);
}

function parseAnswer(received: string): RawAnswer | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [status = "", ...lines] = received.slice(0, end).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const text = Buffer.from(received.slice(end + 4), "latin1").toString("utf8");
  if (Buffer.byteLength(text) < Number(headers["content-length"] ?? 0)) return undefined;
  return { status: Number(status.split(" ")[1]), headers, text };
}

/** Expects a complete refusal: status, content type, envelope, and the id in both places. `more` is `error.details`. */
export function expectRefusal(
  answer: RawAnswer,
  status: number,
  type: string,
  message: string | RegExp,
  more?: Record<string, unknown>,
): void {
  const said = typeof message === "string" ? message : expect.stringMatching(message);
  const id = answer.headers["request-id"];
  expect({ status: answer.status, body: JSON.parse(answer.text) }).toEqual({
    status,
    body: { type: "error", error: { type, message: said, ...(more && { details: more }) }, request_id: id },
  });
  expect(id).toMatch(/^req_01[1-9A-HJ-NP-Za-km-z]{22}$/);
  expect(answer.headers["content-type"]).toMatch(/^application\/json\b/);
}
