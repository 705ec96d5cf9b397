import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { expect } from "vitest";

export interface RawRequest {
  method?: string;
  path: string;
  headers?: OutgoingHttpHeaders;
  /** Several chunks are sent without a content-length. */
  body?: string | Buffer | Buffer[];
}

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends a request on a connection of its own and just as given; `fetch` sets Host and content type by itself. */
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

/** The whole of a refusal: status, JSON content type, envelope, and the id in both places. `more` is `error.details`. */
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
