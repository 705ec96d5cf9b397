import { once } from "node:events";
import type { Socket } from "node:net";
import type Koa from "koa";
import { describe, expect, it } from "vitest";
import { ApiError } from "../../../src/api/errors.ts";
import { defaultConnectionBounds } from "../../../src/http/connections.ts";
import { answerOn, expectRefusal, rawBytes, rawSocket } from "../../support/rawRequest.ts";
import { closed, HOUR, head, smallServers } from "../../support/smallServer.ts";

const start = smallServers();

describe("a malformed HTTP/1.1 request", () => {
  it.each([
    ["no request at all", "hello\r\n\r\n"],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00"],
    ["two lengths", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"],
    ["a length and chunks", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"],
    ["chunks that are not the last encoding", "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, x\r\n\r\n"],
    ["a blank before the colon", "GET / HTTP/1.1\r\nhost : x\r\n\r\n"],
    ["a folded header", "GET / HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\r\n"],
    ["lines without returns", "GET / HTTP/1.1\nhost: x\n\n"],
    ["a control character in a header", "GET / HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n"],
    ["an unknown method", "BREW / HTTP/1.1\r\nhost: x\r\n\r\n"],
    ["a target that is no path", "GET x HTTP/1.1\r\nhost: x\r\n\r\n"],
    ["a path of raw bytes", "GET /\x9b2J HTTP/1.1\r\nhost: x\r\n\r\n"],
    ["a malformed chunk", `${head("POST", "transfer-encoding: chunked\r\n")}zz\r\n`],
  ])("is rejected in the envelope: %s", async (_name, bytes) => {
    const { url } = await start({ discard: { bytes: 1e6, milliseconds: 20 } });
    const socket = rawSocket(url);
    socket.write(bytes, "latin1");
    const answer = await answerOn(socket);
    expectRefusal(answer, 400, "invalid_request_error", /^The request is not valid HTTP\/1.1 \((HPE_\w+)\)\.$/);
    expect(answer.headers.connection).toBe("close");
    await closed(socket);
  });

  it("is rejected with 431 if its headers are too large, in a response that the client can read", async () => {
    const { url } = await start({ discard: { bytes: 1e6, milliseconds: HOUR } });
    const answer = await rawBytes(url, head("GET", `x: ${"x".repeat(200_000)}\r\n`));
    expectRefusal(answer, 431, "request_too_large", /16 KB/);
  });

  it("can flood the server only up to a bound once it is rejected", async () => {
    const { http, url } = await start();
    const [connection, socket] = await Promise.all([once(http, "connection"), rawSocket(url)]);
    const flood = setInterval(() => socket.write("x".repeat(10_000)), 1);
    await once(connection[0] as Socket, "close");
    clearInterval(flood);
    expect((connection[0] as Socket).bytesRead).toBeLessThan(1_000_000);
    socket.destroy();
  });

  it("is rejected in the envelope when it asks for a tunnel", async () => {
    const { url } = await start();
    const answer = await rawBytes(url, "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n");
    expectRefusal(answer, 405, "invalid_request_error", "Method Not Allowed");
  });

  it("is served if only its expectation is unknown, or it asks for another protocol", async () => {
    const { url } = await start();
    for (const more of ["expect: cake\r\n", "connection: upgrade\r\nupgrade: websocket\r\n"]) {
      expect((await rawBytes(url, head("GET", more))).status).toBe(200);
    }
  });
});

describe("a failure outside the error middleware", () => {
  it.each<[string, Koa.Middleware]>([
    [
      "a status that cannot be sent",
      () => {
        throw new ApiError(1000, "invalid_request_error", "x");
      },
    ],
    [
      "a body that is no JSON",
      (context) => {
        context.body = { value: 1n };
      },
    ],
    [
      "something thrown that is no error",
      () => {
        throw null;
      },
    ],
  ])("is answered in the envelope: %s", async (_name, route) => {
    const { url } = await start({}, route);
    const answer = await rawBytes(url, head("GET", ""));
    expectRefusal(answer, 500, "api_error", "Internal server error. See the server log.");
  });
});

it("uses bounds that Node accepts", async () => {
  const { http } = await start(defaultConnectionBounds);
  expect([http.headersTimeout, http.requestTimeout]).toEqual([30_000, 0]);
});
