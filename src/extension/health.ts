import { request } from "node:http";

/** Milliseconds a server on this machine may take to say that it is there. */
const TIMEOUT = 1000;

/**
 * Who is found at a base URL: one of our servers with its running requests, nobody, somebody else, or somebody who does
 * not answer in time, which one of ours does too while its extension host is busy.
 */
export type Neighbour = { kind: "ours"; requests: number } | { kind: "nobody" | "stranger" | "silent" };

export function probe(url: string): Promise<Neighbour> {
  return new Promise((resolve) => {
    const asked = request(`${url}/health`, { agent: false, timeout: TIMEOUT }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > 65_536) asked.destroy();
      });
      response.on("end", () => resolve(read(body)));
      response.on("error", () => resolve({ kind: "stranger" }));
    });
    asked.on("timeout", () => {
      resolve({ kind: "silent" });
      asked.destroy();
    });
    asked.on("error", (error: NodeJS.ErrnoException) =>
      resolve({ kind: error.code === "ECONNREFUSED" ? "nobody" : "stranger" }),
    );
    asked.end();
  });
}

function read(body: string): Neighbour {
  try {
    const { service, requests } = JSON.parse(body);
    if (service === "claude-virtual-api") return { kind: "ours", requests: Number(requests?.running ?? 0) };
  } catch {
    // whoever it is speaks another language
  }
  return { kind: "stranger" };
}
