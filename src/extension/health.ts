import { request } from "node:http";

/** Milliseconds a server on this machine may take to say that it is there. */
const TIMEOUT = 1000;

/** Characters an answer may have: a stranger may send without end. */
const MAX_LENGTH = 1_048_576;

/** A batch that has not ended, with the progress that the API's own counts do not tell. */
export interface RunningBatch {
  id: string;
  total: number;
  /** Requests that have a result. */
  done: number;
  /** Until when (RFC 3339) nothing is sent, and why; null while it goes on. */
  paused: { until: string; reason: string } | null;
}

/**
 * Who is found at a base URL: one of our servers with its running requests and batches, nobody, somebody else, or
 * somebody who does not answer in time, which one of ours does too while its extension host is busy.
 */
export type Neighbour =
  | { kind: "ours"; requests: number; batches: RunningBatch[] }
  | { kind: "nobody" | "stranger" | "silent" };

export function probe(url: string): Promise<Neighbour> {
  return new Promise((resolve) => {
    const asked = request(`${url}/health`, { agent: false, timeout: TIMEOUT }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > MAX_LENGTH) asked.destroy();
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
    const { service, requests, batches } = JSON.parse(body);
    if (service === "claude-virtual-api") {
      // the server may be of a version before batches
      return { kind: "ours", requests: Number(requests?.running ?? 0), batches: Array.isArray(batches) ? batches : [] };
    }
  } catch {
    // whoever it is speaks another language
  }
  return { kind: "stranger" };
}
