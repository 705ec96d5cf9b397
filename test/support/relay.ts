import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** A proxy that answers probes with nothing and forwards everything else to `target`. */
export interface Relay extends AsyncDisposable {
  url: string;
  target: string;
  /** Paths of the forwarded POSTs, without their query. */
  passed: string[];
}

export async function startRelay(): Promise<Relay> {
  const passed: string[] = [];
  const server = createServer((incoming, response) => {
    if (incoming.method === "GET") return void response.end("a gateway");
    if (incoming.method === "POST") passed.push(String(incoming.url).split("?")[0] as string);
    const { host: _, ...headers } = incoming.headers;
    const outgoing = request(relay.target + incoming.url, { method: incoming.method as string, headers }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const relay: Relay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: "",
    passed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
  return relay;
}
