import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, connect, createServer, type Server as NetServer } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { secretIn } from "../../src/extension/probe.ts";
import { connectProven } from "../../src/extension/provenConnection.ts";
import { findForeignService } from "../../src/http/secondListener.ts";
import { type App, type AppOptions, health, simple, startApp, until } from "../support/harness.ts";
import { rawRequest } from "../support/rawRequest.ts";

const HAS_IPV6 = Object.values(networkInterfaces())
  .flat()
  .some((entry) => entry?.address === "::1");

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});
const start = async (options: AppOptions = {}): Promise<App> => {
  const app = await startApp({ warm: 0, ...options });
  open.push(app);
  return app;
};

const portOf = (url: string) => Number(new URL(url).port);
const onV6 = (app: App) => `http://[::1]:${portOf(app.url)}`;
const isOpen = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ host, port }, () => resolve(true)).on("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.end();
  });
const ask = (app: App, path: string) => {
  const { port } = new URL(app.url);
  return new Promise<number | undefined>((resolve, reject) => {
    const headers = { host: `localhost:${port}`, "x-api-key": "k" };
    request({ host: "::1", port, path, headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on("error", reject)
      .end();
  });
};

/** Another program on one of the loopback addresses. */
async function stranger(host: string, port = 0): Promise<NetServer> {
  const server = createServer((socket) => socket.destroy());
  server.listen({ host, port });
  await once(server, "listening");
  open.push({ [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) });
  return server;
}

/** A port that is free on 127.0.0.1 and taken on [::1]. */
async function takenOnV6(): Promise<number> {
  const other = await stranger("::1");
  return (other.address() as AddressInfo).port;
}

describe.skipIf(!HAS_IPV6)("the other loopback address", () => {
  it("is served as well, on the same port, even if the system chose it", async () => {
    const app = await start();
    expect(app.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await ask(app, "/health")).toBe(200);
    expect(app.log).toContain(`[info] listening on ${app.url} and ${onV6(app)}`);
  });

  it("answers messages, with the base URL that the client used", async () => {
    const app = await start();
    const body = JSON.stringify(simple("Hi"));
    const headers = { "x-api-key": "k", "content-type": "application/json" };
    const host = `[::1]:${portOf(app.url)}`;
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      request({
        host: "::1",
        port: portOf(app.url),
        path: "/v1/messages",
        method: "POST",
        headers: { ...headers, host },
      })
        .on("response", (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end(body);
    });
    expect(answer).toBe(200);
  });

  it("shares the server's connection limit", async () => {
    const app = await start({ maxConcurrent: 1, maxQueue: 0 });
    // the limit is 2 * (1 + 0) + 256 connections
    const sockets = await Promise.all(
      Array.from({ length: 258 }, async (_, at) => {
        const socket = connect({ host: at % 2 ? "::1" : "127.0.0.1", port: portOf(app.url) });
        await once(socket, "connect");
        return socket;
      }),
    );
    try {
      const beyond = connect({ host: "::1", port: portOf(app.url) });
      await until(() => app.log.some((line) => line.includes("The limit of 258 connections is reached")));
      beyond.destroy();
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it("sends the proof to a window", async () => {
    const app = await start();
    await health(app);
    const signal = AbortSignal.timeout(5000);
    const connection = await connectProven(new URL(onV6(app)), secretIn(app.dataDir), signal);
    connection.close();
  });

  it("is closed with the server, and at once free for the next one", async () => {
    const app = await start();
    const port = portOf(app.url);
    const idle = connect({ host: "::1", port });
    await once(idle, "connect");
    await app.server.close();
    expect([await isOpen("127.0.0.1", port), await isOpen("::1", port)]).toEqual([false, false]);
    const next = await start({ port });
    expect(await ask(next, "/health")).toBe(200);
    idle.destroy();
  });

  it("causes a warning, not a failed start, if another program has it", async () => {
    const port = await takenOnV6();
    const app = await start({ port });
    expect((await rawRequest(app.url, { path: "/health" })).status).toBe(200);
    expect(app.log).toContain(`[info] listening on ${app.url}`);
    expect(app.log.filter((line) => line.startsWith("[warn]"))).toEqual([
      `[warn] Use http://127.0.0.1:${port} instead of 'localhost': another program listens on [::1]:${port} and may receive requests with their keys.`,
    ]);
    await app.server.close();
  });

  it("is not used if 127.0.0.1 is taken", async () => {
    const other = await stranger("127.0.0.1");
    const { port } = other.address() as AddressInfo;
    await expect(startApp({ warm: 0, port })).rejects.toThrow(/EADDRINUSE/);
    expect(await isOpen("::1", port)).toBe(false);
  });

  it("is not used if another address is configured", async () => {
    const app = await start({ host: "127.0.0.2" });
    expect(await isOpen("::1", portOf(app.url))).toBe(false);
    const six = await start({ host: "::1" });
    expect(six.url).toBe(onV6(six));
    expect(await isOpen("127.0.0.1", portOf(six.url))).toBe(false);
  });

  it("is served for localhost as well, whichever of the two that is", async () => {
    const app = await start({ host: "localhost" });
    expect([await isOpen("127.0.0.1", portOf(app.url)), await isOpen("::1", portOf(app.url))]).toEqual([true, true]);
  });

  it("is reported by the doctor if another program has it, but not if it is free or ours", async () => {
    const port = await takenOnV6();
    expect(await findForeignService("127.0.0.1", port)).toBe(
      `Use http://127.0.0.1:${port} instead of 'localhost': another program listens on [::1]:${port} and may receive requests with their keys.`,
    );
    expect(await findForeignService("127.0.0.2", port)).toBeUndefined();
    const app = await start();
    expect(await findForeignService("127.0.0.1", portOf(app.url))).toBeUndefined();
    await app.server.close();
    expect(await findForeignService("127.0.0.1", portOf(app.url))).toBeUndefined();
  });
});
