import { request } from "node:http";

/** Milliseconds a server on this machine may take to say that it is there. */
const TIMEOUT = 1000;

export interface Health {
  requests: number;
}

/** Asks whether one of ours listens at a base URL; undefined for anybody or anything else. */
export function probe(url: string): Promise<Health | undefined> {
  return new Promise((resolve) => {
    const asked = request(`${url}/health`, { agent: false, timeout: TIMEOUT }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > 65_536) asked.destroy();
      });
      response.on("end", () => resolve(read(body)));
      response.on("error", () => resolve(undefined));
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
    asked.on("close", () => resolve(undefined));
    asked.end();
  });
}

function read(body: string): Health | undefined {
  try {
    const { service, requests } = JSON.parse(body);
    return service === "claude-virtual-api" ? { requests: Number(requests?.running ?? 0) } : undefined;
  } catch {
    return undefined;
  }
}
