import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";

const TLS = join(import.meta.dirname, "tls");

/** The authority, trusted by no machine, that signed the certificate of `startTls`; for NODE_EXTRA_CA_CERTS. */
export const AUTHORITY = join(TLS, "authority.pem");

/** A name that DNS does not know, in the certificate of `startTls`: only a proxy leads there. */
export const BEHIND_PROXY = "api.test.example";

/** A server on loopback that ends with the test. */
export interface Running extends AsyncDisposable {
  port: number;
}

/** TLS in front of a port, with a certificate for localhost, 127.0.0.1 and `BEHIND_PROXY`. */
export async function startTls(port: number): Promise<Running> {
  const key = readFileSync(join(TLS, "serverKey.pem"));
  const cert = readFileSync(join(TLS, "server.pem"));
  const server = createTlsServer({ key, cert }, (socket) => pipeBoth(socket, connect(port, "127.0.0.1")));
  server.on("tlsClientError", () => {});
  return running(server);
}

/** A proxy that tunnels everything to `target` or refuses with a status, and records its requests. */
export interface Proxy extends Running {
  /** `CONNECT host:port`, with credentials if sent. */
  asked: string[];
}

export async function startProxy(answer: { target: number } | { status: number }): Promise<Proxy> {
  const asked: string[] = [];
  const note = ({ method, url, headers }: IncomingMessage) => {
    const credentials = headers["proxy-authorization"]?.replace(/^Basic /, "");
    asked.push([method, url, credentials && Buffer.from(credentials, "base64").toString()].filter(Boolean).join(" "));
  };
  const server = createServer((request, response) => {
    note(request);
    response.writeHead("status" in answer ? answer.status : 501).end("<html>No</html>");
  });
  server.on("connect", (request, client: Socket) => {
    note(request);
    client.on("error", () => {});
    if ("status" in answer) {
      client.end(`HTTP/1.1 ${answer.status} Refused\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    pipeBoth(client, connect(answer.target, "127.0.0.1"));
  });
  return Object.assign(await running(server), { asked });
}

/** A port without a listener. */
export async function closedPort(): Promise<number> {
  const server = await running(createTcpServer());
  await server[Symbol.asyncDispose]();
  return server.port;
}

function pipeBoth(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy());
  other.on("error", () => one.destroy());
  one.pipe(other).pipe(one);
}

async function running(server: Server): Promise<Running> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
