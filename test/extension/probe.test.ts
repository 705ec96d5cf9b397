import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Controller } from "../../src/extension/controller.ts";
import { prober, secretIn } from "../../src/extension/probe.ts";
import { provenFetch } from "../../src/extension/provenFetch.ts";
import { ServerClient } from "../../src/extension/serverClient.ts";
import type { Settings } from "../../src/extension/settings.ts";
import { errorMessage } from "../../src/extension/texts.ts";
import { defaultOptions, type ServerOptions } from "../../src/options.ts";
import { createServer as createOurs, type Server } from "../../src/server.ts";
import { CHALLENGE_HEADER, PROOF_HEADER } from "../../src/shared/proof.ts";
import { scratchHome } from "../support/harness.ts";
import { deferred } from "../support/replies.ts";
import { probe, proofFor, readSecret } from "../support/resources.ts";

const logger = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };
const OURS = JSON.stringify({ service: "claude-virtual-api", requests: { running: 2 } });

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.family === "IPv6");

interface Foreign {
  url: string;
  port: number;
  /** Everything it received. */
  received(): string;
}

/** A program on a port that records what it receives and serves each connection with `serve`. */
async function program(serve: (socket: Socket, text: string) => void): Promise<Foreign> {
  const sockets = new Set<Socket>();
  let received = "";
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk;
      serve(socket, chunk.toString());
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, received: () => received };
}

const answering = (head: string, body = "") =>
  program((socket) => socket.write(`HTTP/1.1 200 OK\r\n${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`));

/** An HTTP server. */
async function served(serve: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(serve);
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** One of our servers, without a CLI, on a data directory. */
async function ourServer(dataDir: string, more: Partial<ServerOptions> = {}): Promise<Server> {
  const options = { ...defaultOptions, port: 0, claudePath: "/nowhere/claude", dataDir, environment: {}, ...more };
  const server = createOurs(options, logger);
  await server.listen();
  onTestFinished(() => server.close());
  return server;
}

async function directory(): Promise<string> {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  return join(scratch.home, "data");
}

/** A window's client, with the stored key, for the program at this URL. */
function serverClientAt(url: string, dataDir: string): ServerClient {
  const settings = { defaultModel: "haiku", dataDir, requiredApiKey: async () => "cva-the-stored-key" };
  const controller = { state: { kind: "shared", url, requests: 0 }, ensure: async () => url };
  return new ServerClient(controller as unknown as Controller, settings as unknown as Settings);
}

describe("a server on the port", () => {
  it("is ours if it has the secret of the data directory", async () => {
    const dataDir = await directory();
    const server = await ourServer(dataDir);
    const look = prober(secretIn(dataDir));
    expect(await look(server.url)).toEqual({ kind: "ours", requests: 0, batches: [] });
    expect(await prober(secretIn(await directory()))(server.url)).toEqual({ kind: "unproven" });
  });

  it("is not ours if it imitates `/health`, and receives neither the key nor the text", async () => {
    const dataDir = await directory();
    await prober(secretIn(dataDir))((await ourServer(dataDir)).url);
    for (const head of ["content-type: application/json", `${PROOF_HEADER}: ${"0".repeat(64)}`, `${PROOF_HEADER}: x`]) {
      const foreign = await answering(head, OURS);
      const kind = head.startsWith(PROOF_HEADER) ? "unproven" : "foreign";
      expect(await prober(secretIn(dataDir))(foreign.url)).toEqual({ kind });
      const client = (await serverClientAt(foreign.url, dataDir).client()).message("the user's text");
      expect(await client.catch(errorMessage)).toMatch(/did not prove/);
      expect(foreign.received()).toContain("HEAD /health");
      expect(foreign.received()).not.toMatch(/POST|cva-the-stored-key|the user's text/);
    }
  });

  it("is not ours if it relays the challenge to our server", async () => {
    const dataDir = await directory();
    const real = await ourServer(dataDir);
    const relay = await served(async (request, response) => {
      const answer = await fetch(`${real.url}/health`, {
        method: request.method ?? "",
        headers: { [CHALLENGE_HEADER]: String(request.headers[CHALLENGE_HEADER]) },
      });
      expect(answer.headers.get(PROOF_HEADER)).toMatch(/^[0-9a-f]{64}$/);
      response.setHeaders(answer.headers).end();
    });
    expect(await prober(secretIn(dataDir))(relay)).toEqual({ kind: "unproven" });
  });

  it("is not ours if it leaves its port to our server and relays the challenge to it", async () => {
    const dataDir = await directory();
    const relay = createTcpServer({ pauseOnConnect: true });
    await once(relay.listen(0, "127.0.0.1"), "listening");
    const { port } = relay.address() as AddressInfo;
    const found = prober(secretIn(dataDir), 20_000)(`http://127.0.0.1:${port}`);
    const [window] = (await once(relay, "connection")) as [Socket];
    relay.close();
    await ourServer(dataDir, { port });
    const onward = connect(port, "127.0.0.1");
    let passedOn = "";
    onward.on("data", (chunk) => {
      passedOn += chunk;
    });
    window.on("close", () => onward.destroy());
    window.pipe(onward).pipe(window);
    expect(await found).toEqual({ kind: "unproven" });
    expect(passedOn).toContain(PROOF_HEADER);
  });

  it("is not ours if it replays one of our proofs", async () => {
    const dataDir = await directory();
    let recorded = "";
    const look = prober(secretIn(dataDir));
    const real = await ourServer(dataDir);
    await fetch(`${real.url}/health`, { headers: { [CHALLENGE_HEADER]: "c".repeat(43) } }).then(({ headers }) => {
      recorded = headers.get(PROOF_HEADER) ?? "";
    });
    const foreign = await answering(`${PROOF_HEADER}: ${recorded}`);
    expect(await look(foreign.url)).toEqual({ kind: "unproven" });
  });

  it("is not ours without a data directory", async () => {
    const url = await served((_request, response) => void response.writeHead(200, { [PROOF_HEADER]: "" }).end(OURS));
    expect(await prober(secretIn("/nowhere"))(url)).toEqual({ kind: "unproven" });
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ["that never answers", () => {}, "timeout"],
    ["whose head never ends", drip("HTTP/1.1 200 OK\r\nx: ", "x"), "timeout"],
    ["that sends informational answers without end", drip("", "HTTP/1.1 102 Processing\r\n\r\n"), "timeout"],
    ["with a head of megabytes", (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(4e6)}`), "foreign"],
    ["that speaks no HTTP", (socket) => socket.write("220 ready\r\n"), "foreign"],
    ["that hangs up", (socket) => socket.destroy(), "foreign"],
    ["that sends elsewhere", (socket) => socket.write("HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n"), "foreign"],
    ["that sends a body for a head", drip(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`, "x"), "foreign"],
  ])("%s is given up", async (_what, serve, kind) => {
    const impatient = prober(readSecret, kind === "timeout" ? 300 : undefined);
    expect(await impatient((await program(serve)).url)).toEqual({ kind });
  });

  it("is free if nothing listens", async () => {
    expect(await probe("http://127.0.0.1:1")).toEqual({ kind: "free" });
  });

  it("contributes only numbers and short plain text", async () => {
    const paused = { until: "2026-11-22T12:00:00Z", reason: `[Retry](command:x)\n${"x".repeat(1000)}` };
    const batches = [
      { id: "msgbatch_1", total: 2, done: 1, paused: null },
      { id: "msgbatch_2", total: "](command:x)", done: -1, paused },
      null,
      { id: 7 },
    ];
    const body = JSON.stringify({ requests: { running: "many" }, batches });
    const url = await served((request, response) => {
      // without a length, the answer to HEAD ends with its connection
      response.writeHead(200, { "content-length": body.length, ...proofFor(request) }).end(body);
    });
    const reason = expect.stringMatching(/^\[Retry\]\(command:x\) x+…$/);
    expect(await probe(url)).toEqual({
      kind: "ours",
      requests: 0,
      batches: [batches[0], { id: "msgbatch_2", total: 0, done: 0, paused: { ...paused, reason } }],
    });
  });

  it("is foreign if its answer is too long", async () => {
    const body = " ".repeat(2e6) + OURS;
    const url = await served((request, response) => {
      // without a length, the answer to HEAD ends with its connection
      response.writeHead(200, { "content-length": body.length, ...proofFor(request) }).end(body);
    });
    expect(await probe(url)).toEqual({ kind: "foreign" });
  });
});

describe("a connection", () => {
  const secret = async () => undefined;

  it("sends requests only over the proved connection", async () => {
    const paths: string[] = [];
    // proves itself and closes, so that another program could take its place
    const url = await served((request, response) => {
      paths.push(`${request.method} ${request.url}`);
      response.setHeaders(new Map(Object.entries({ ...proofFor(request), connection: "close" }))).end();
    });
    expect(await probe(url)).toEqual({ kind: "foreign" });
    expect(paths).toEqual(["HEAD /health"]);
  });

  it("sends no request if the proof fails", async () => {
    const foreign = await answering("x: y", OURS);
    const body = "the user's text";
    await expect(provenFetch(secret)(`${foreign.url}/v1/messages`, { method: "POST", body })).rejects.toThrow(
      "foreign",
    );
    expect(foreign.received()).not.toContain(body);
  });

  it("closes when its request is aborted", async () => {
    const dataDir = await directory();
    const server = await ourServer(dataDir);
    const fetchProven = provenFetch(secretIn(dataDir));
    await expect(fetchProven(server.url, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const silent = await program(() => {});
    const leaving = new AbortController();
    const answer = fetchProven(silent.url, { signal: leaving.signal });
    leaving.abort();
    await expect(answer).rejects.toThrow(/abort/i);
  });

  it("fails the reader of an answer that is cut off, and closes with an abandoned one", async () => {
    const closed = deferred();
    const url = await served((request, response) => {
      response.writeHead(200, { "content-length": 1000, ...proofFor(request) });
      if (request.method === "HEAD") return void response.end();
      response.on("close", closed.resolve);
      response.write("the first part", () => request.url === "/cut" && response.destroy());
    });
    const fetchProven = provenFetch(readSecret);
    await expect((await fetchProven(`${url}/cut`)).text()).rejects.toThrow();
    const leaving = new AbortController();
    const left = await fetchProven(`${url}/left`, { signal: leaving.signal });
    leaving.abort();
    await expect(left.text()).rejects.toThrow(/abort/i);
    await closed.promise;
    await (await fetchProven(`${url}/canceled`)).body?.cancel();
  });

  it.skipIf(!hasIPv6)("works over IPv4 and IPv6", async () => {
    const dataDir = await directory();
    const { port } = new URL((await ourServer(dataDir, { host: "::", apiKey: "k" })).url);
    for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
      expect(await prober(secretIn(dataDir))(`http://${host}:${port}`)).toMatchObject({ kind: "ours" });
    }
  });

  it("passes bodies and answers on unchanged", async () => {
    const dataDir = await directory();
    const server = await ourServer(dataDir);
    const fetchProven = provenFetch(secretIn(dataDir));
    expect(await (await fetchProven(`${server.url}/health`)).json()).toMatchObject({ service: "claude-virtual-api" });
    const form = new FormData();
    form.set("file", new File(["x".repeat(3_000_000)], "large.txt", { type: "text/plain" }));
    const upload = await fetchProven(`${server.url}/v1/files`, {
      method: "POST",
      body: form,
      headers: { "x-api-key": "k" },
    });
    expect(await upload.json()).toMatchObject({ filename: "large.txt", size_bytes: 3_000_000 });
    const refused = await fetchProven(`${server.url}/v1/messages`, { method: "POST", body: "{}" });
    expect([refused.status, refused.headers.get("content-type")]).toEqual([401, expect.stringContaining("json")]);
  });
});

/** Writes `first`, then `more` repeatedly, without end. */
function drip(first: string, more: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(first);
    const timer = setInterval(() => socket.write(more), 100);
    socket.on("close", () => clearInterval(timer));
  };
}
