import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { pointsToVirtualApi } from "../../../../src/claude/process/localServers.ts";

const OWN = { host: "127.0.0.1", port: 8080 };

describe("a base URL", () => {
  it.each([
    ...["http://127.0.0.1:8080", "http://localhost:8080/", "HTTP://LOCALHOST:8080/v1", "http://localhost.:8080/v1/"],
    ...["http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080", "http://[::ffff:127.0.0.1]:8080", "http://[::]:8080"],
    ...["http://127.8.9.1:8080/anthropic", "http://127.1:8080", "http://0.0.0.0:8080", "http://a.localhost:8080?x"],
  ])("points to this server: %s", async (url) => {
    expect(await pointsToVirtualApi(url, OWN)).toBe(true);
  });

  it("points to this server with the default port, written or not", async () => {
    for (const url of ["http://localhost", "http://localhost:80/v1"]) {
      expect(await pointsToVirtualApi(url, { host: "127.0.0.1", port: 80 })).toBe(true);
    }
  });

  it("points to this server at each address of the machine, if it listens on all", async () => {
    expect(await pointsToVirtualApi("http://127.0.0.1:8080", { host: "0.0.0.0", port: 8080 })).toBe(true);
  });

  it.each(["https://127.0.0.1:8080", "http://127.0.0.1:1", "http://203.0.113.7:8080", "localhost:8080", "", "no url"])(
    "does not point to this server: %s",
    async (url) => {
      expect(await pointsToVirtualApi(url, OWN)).toBe(false);
    },
  );
});

describe("another server at a base URL", () => {
  /** A server that answers like this, and the requests it got. */
  async function serve(listener: RequestListener) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers["x-api-key"] ?? ""}`.trim());
      listener(request, response);
    });
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  it("is asked at its root and below the path", async () => {
    const { url, asked } = await serve(({ url: path }, response) => {
      response.end(path === "/claude/" ? '{"service":"claude-virtual-api"}' : "[]");
    });
    expect(await pointsToVirtualApi(`${url}/claude/v1`, OWN)).toBe(true);
    expect(await pointsToVirtualApi(`${url}/v1`, OWN)).toBe(false);
    expect(asked).toEqual(["GET / ", "GET /claude/", "GET /"].map((line) => line.trim()));
  });

  it.each<[string, RequestListener]>([
    ["another service", (_, response) => response.end('{"service":"gateway"}')],
    ["a page", (_, response) => response.end("<html>")],
    ["null", (_, response) => response.end("null")],
    ["an answer without end", (_, response) => void setInterval(() => response.write("x".repeat(10_000)), 1).unref()],
    ["a closed connection", ({ socket }) => socket.destroy()],
  ])("is not a Claude Virtual API if it answers with %s", async (_name, listener) => {
    expect(await pointsToVirtualApi((await serve(listener)).url, OWN)).toBe(false);
  });
});
