import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { ApiRequest } from "../../../src/http/apiRequest.ts";
import { Connections } from "../../../src/http/connections.ts";
import { until } from "../../support/harness.ts";
import { answerOn, expectRefusal, rawBytes, rawSocket } from "../../support/rawRequest.ts";
import { closed, HOUR, head, patient, quiet, smallServers } from "../../support/smallServer.ts";

const start = smallServers();
const MINUTE_EACH = {
  headersMs: 60_000,
  keepAliveMs: 60_000,
  unauthenticatedMs: 60_000,
  silenceMs: 60_000,
  checkIntervalMs: 30_000,
};
const POST = head("POST", "content-length: 10\r\n");

describe("a connection without a request", () => {
  it("is closed when it never sends a byte", async () => {
    const { url } = await start({ headersMs: 300 });
    const socket = rawSocket(url);
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk;
    });
    await closed(socket);
    expect(received).toBe("");
  });

  it("is answered with 408 when its headers stay incomplete", async () => {
    const { url } = await start({ headersMs: 300 });
    const socket = rawSocket(url);
    const drip = setInterval(() => socket.write("a"), 5);
    const answer = await rawBytes(url, "GET / HTTP/1.1\r\nhost: localhost\r\nx: ", socket);
    clearInterval(drip);
    expectRefusal(answer, 408, "timeout_error", /client sent too little for 0.3 s/);
    expect(answer.headers.connection).toBe("close");
  });
});

describe("an unauthenticated request", () => {
  it("is answered before its body arrives, and its connection closed once it stops sending", async () => {
    const { url } = await start();
    const socket = rawSocket(url);
    socket.write(head("POST", "content-length: 33554432\r\n", "wrong"));
    const answer = await answerOn(socket);
    expectRefusal(answer, 401, "authentication_error", "invalid x-api-key");
    expect(answer.headers.connection).toBe("close");
    socket.end();
    await closed(socket);
  });

  it.each([
    ["by its size", { discard: { bytes: 1000, milliseconds: HOUR } }],
    ["by its time", { discard: { bytes: 1e12, milliseconds: 50 } }],
  ])("has its body discarded only up to a bound %s", async (_name, bounds) => {
    const { http, url } = await start(bounds);
    const [connection, socket] = await Promise.all([once(http, "connection"), rawSocket(url)]);
    const theirs = connection[0] as Socket;
    socket.write(head("POST", "transfer-encoding: chunked\r\n", "wrong"));
    const drip = setInterval(() => socket.write(`3e8\r\n${"x".repeat(1000)}\r\n`), 5);
    expectRefusal(await answerOn(socket), 401, "authentication_error", "invalid x-api-key");
    await closed(socket);
    clearInterval(drip);
    expect(theirs.bytesRead).toBeLessThan(1_000_000);
  });

  it("gets no 100 Continue", async () => {
    const { url } = await start({ discard: { bytes: 0, milliseconds: 20 } });
    const expecting = "content-length: 10\r\nexpect: 100-continue\r\n";
    const answer = await rawBytes(url, head("POST", expecting, "wrong"));
    expect(answer.status).toBe(401);
  });

  it("does not keep the connection open with a body that is not read", async () => {
    const { url } = await start();
    const answer = await rawBytes(url, "POST /free HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n");
    expect([answer.status, answer.text, answer.headers.connection]).toEqual([200, '{"free":true}', "close"]);
  });

  it("leaves the connection open if it has no body left to send", async () => {
    const { url } = await start();
    const socket = rawSocket(url);
    for (let round = 0; round < 2; round += 1) {
      socket.write(head("GET", "", "wrong"));
      const answer = await answerOn(socket);
      expect([answer.status, answer.headers.connection]).toEqual([401, "keep-alive"]);
    }
    socket.destroy();
  });

  it("is ended when its response is not read", async () => {
    const { http, url } = await start({ unauthenticatedMs: 50 });
    const [connection, socket] = await Promise.all([once(http, "connection"), rawSocket(url)]);
    socket.pause();
    // far more than the socket buffers can hold
    socket.write("GET /large HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(connection[0] as Socket, "close");
    socket.destroy();
  });
});

describe("an authenticated request", () => {
  it("gets a 100 Continue", async () => {
    const { url } = await start();
    const socket = rawSocket(url);
    socket.write(head("POST", "content-length: 10\r\nexpect: 100-continue\r\n"));
    expect((await answerOn(socket)).status).toBe(100);
    const answer = await rawBytes(url, "0123456789", socket);
    expect(answer.text).toBe('{"size":10}');
  });

  it("is answered with 408 when its body falls silent", async () => {
    const { url } = await start({ silenceMs: 50 });
    const answer = await rawBytes(url, `${POST}01234`);
    expectRefusal(answer, 408, "timeout_error", /client sent too little for 0.05 s/);
  });

  it("may wait for upstream for any time", async () => {
    let go = () => {};
    const { url } = await start({ silenceMs: 20, unauthenticatedMs: 20 }, async (context) => {
      if (context.method === "POST") await once(context.req.resume(), "end");
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      context.body = { done: true };
    });
    const answer = rawBytes(url, head("GET", ""));
    // a request that does fall silent shows that both were checked
    expect((await rawBytes(url, POST)).status).toBe(408);
    go();
    expect((await answer).text).toBe('{"done":true}');
  });

  it("is answered before malformed bytes that follow it", async () => {
    const { url } = await start();
    const socket = rawSocket(url);
    socket.write(`${POST}0123456789 no request`);
    expect((await answerOn(socket)).text).toBe('{"size":10}');
    socket.write("more");
    expectRefusal(await answerOn(socket), 400, "invalid_request_error", /not valid HTTP/);
    await closed(socket);
  });
});

describe("the number of connections", () => {
  it("is bounded: one that never had a request is closed first", async () => {
    const { url, count } = await start({ maxConnections: 3 });
    const kept = rawSocket(url);
    kept.write(head("GET", ""));
    expect((await answerOn(kept)).status).toBe(200);
    const silent = [rawSocket(url), rawSocket(url)] as const;
    await Promise.all(silent.map((socket) => socket.connecting && once(socket, "connect")));
    const third = rawSocket(url);
    await closed(silent[0]);
    expect(await count()).toBe(3);
    for (const socket of [kept, silent[1], third]) {
      socket.write(head("GET", ""));
      expect((await answerOn(socket)).status).toBe(200);
      socket.destroy();
    }
  });

  it("is bounded: a further one is rejected if all have requests", async () => {
    const { url } = await start({ maxConnections: 2 });
    const busy = [rawSocket(url), rawSocket(url)];
    for (const socket of busy) socket.write(head("POST", "content-length: 10\r\nexpect: 100-continue\r\n"));
    for (const socket of busy) expect((await answerOn(socket)).status).toBe(100);
    const further = rawSocket(url);
    const answer = await answerOn(further);
    expectRefusal(answer, 529, "overloaded_error", /^Overloaded: 2 /);
    await closed(further);
    for (const socket of busy) expect((await rawBytes(url, "0123456789", socket)).status).toBe(200);
  });

  it("stays bounded under a flood of silent connections", async () => {
    const { url, count } = await start({ maxConnections: 20 });
    const flood = Array.from({ length: 200 }, () => rawSocket(url));
    await Promise.all(flood.slice(0, 180).map(closed));
    expect(await count()).toBeLessThanOrEqual(20);
    expect((await rawBytes(url, head("GET", ""))).status).toBe(200);
    for (const socket of flood) socket.destroy();
  });
});

describe("over time", () => {
  /** A server with a mock clock, and a client that has sent the head of a request. */
  async function connected(hasKey: boolean, length = 1_000_000) {
    let now = 0;
    const connections = new Connections({ ...patient, ...MINUTE_EACH }, quiet, () => now);
    const http = createServer({ IncomingMessage: ApiRequest });
    http.on("connection", (socket: Socket) => connections.add(socket));
    const requested = once(http, "request") as Promise<[ApiRequest, ServerResponse]>;
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const socket = rawSocket(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
    socket.write(head("POST", `content-length: ${length}\r\n`));
    http.once("request", (request, response) => connections.watch(request, response));
    const [request, response] = await requested;
    request.isAuthenticated = hasKey;
    const after = (seconds: number) => {
      now += 1000 * seconds;
      connections.check();
    };
    return {
      ...{ socket, request, response, after },
      isOpen: () => connections.size === 1 && !request.socket.writableEnded,
      async [Symbol.asyncDispose]() {
        socket.destroy();
        http.close();
        await once(http, "close");
      },
    };
  }

  it("blank lines after a response do not keep a connection open", async () => {
    await using idle = await connected(true, 0);
    idle.response.end("{}");
    await once(idle.response, "close");
    await answerOn(idle.socket);
    idle.socket.write("\r\n\r\n");
    idle.after(60);
    idle.after(59);
    expect(idle.isOpen()).toBe(true);
    idle.socket.write("\r\n\r\n");
    idle.after(2);
    await until(() => !idle.isOpen());
  });

  it("a body may take hours, as long as it makes progress", async () => {
    await using upload = await connected(true);
    let size = 0;
    upload.request.on("data", (chunk: Buffer) => {
      size += chunk.length;
    });
    for (let minute = 1; minute <= 120; minute += 1) {
      upload.socket.write("x");
      await until(() => size === minute);
      upload.after(59);
    }
    expect(upload.isOpen()).toBe(true);
    upload.after(60);
    upload.after(60);
    expectRefusal(await answerOn(upload.socket), 408, "timeout_error", /for 60 s/);
    await until(() => !upload.isOpen());
  });

  it("a body does not count as silent while the server does not read it", async () => {
    await using upload = await connected(true);
    upload.socket.write("x");
    await until(() => upload.request.readableLength === 1);
    for (let minute = 0; minute < 600; minute += 1) upload.after(60);
    expect(upload.isOpen()).toBe(true);
  });

  it("the time that the machine slept does not count as silence of a body", async () => {
    await using upload = await connected(true);
    upload.request.resume();
    upload.after(1);
    upload.after(8 * 3600);
    expect(upload.isOpen()).toBe(true);
    upload.after(60);
    upload.after(60);
    expectRefusal(await answerOn(upload.socket), 408, "timeout_error", /for 60 s/);
  });

  it("an unauthenticated request is bounded even if it makes progress", async () => {
    await using upload = await connected(false);
    upload.request.resume();
    upload.socket.write("x");
    upload.after(59);
    expect(upload.isOpen()).toBe(true);
    upload.socket.write("x");
    upload.after(2);
    expectRefusal(await answerOn(upload.socket), 408, "timeout_error", /for 60 s/);
  });
});
