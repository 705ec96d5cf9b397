import { expect } from "vitest";
import type { MessageBatch } from "../../src/batches/record.ts";
import type { ResultLine } from "../../src/batches/results.ts";
import { simple } from "./harness.ts";

/** Long, because the workers of batches have the lowest priority. */
const ENDS_WITHIN = 30 * 60_000;

const HEADERS = { "x-api-key": "any-key", "content-type": "application/json" };

export type BatchItem = { custom_id: string; params: object };

/** A client of a server's batches. */
export class BatchCalls {
  readonly #server: { readonly url: string };

  constructor(server: { readonly url: string }) {
    this.#server = server;
  }

  call(path = "", init: RequestInit = {}): Promise<Response> {
    const headers = { ...HEADERS, ...(init.headers as object) };
    return fetch(`${this.#server.url}/v1/messages/batches${path}`, { ...init, headers });
  }

  async create(requests: BatchItem[], headers = {}): Promise<MessageBatch> {
    return ok(await this.call("", { method: "POST", headers, body: JSON.stringify({ requests }) }));
  }

  async list(query = ""): Promise<{ data: MessageBatch[]; has_more: boolean; first_id: unknown; last_id: unknown }> {
    return ok(await this.call(query));
  }

  async get(id: string): Promise<MessageBatch> {
    return ok(await this.call(`/${id}`));
  }

  async cancel(id: string): Promise<MessageBatch> {
    return ok(await this.call(`/${id}/cancel`, { method: "POST" }));
  }

  /** Resolves with the ended batch. */
  async ended(id: string): Promise<MessageBatch> {
    const status = async () => (await this.get(id)).processing_status;
    await expect.poll(status, { interval: 100, timeout: ENDS_WITHIN }).toBe("ended");
    return this.get(id);
  }

  /** The results as sent. */
  async results(id: string): Promise<string> {
    const response = await this.call(`/${id}/results`);
    if (response.status !== 200) throw new Error(await response.text());
    return response.text();
  }

  /** The result type of each request. Throws if one has two results. */
  async outcomes(id: string): Promise<Map<string, ResultLine["result"]>> {
    return outcomesIn(await this.results(id));
  }
}

/** Polls rarely, to leave the processor to the workers, which have the lowest priority. */
export async function patiently(holds: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(holds, { interval: 50, timeout: ENDS_WITHIN }).toBe(true);
}

export function outcomesIn(results: string): Map<string, ResultLine["result"]> {
  const outcomes = new Map<string, ResultLine["result"]>();
  for (const line of wholeLines(results)) {
    const { custom_id, result } = JSON.parse(line) as ResultLine;
    if (outcomes.has(custom_id)) throw new Error(`${custom_id} has two results.`);
    outcomes.set(custom_id, result);
  }
  return outcomes;
}

/** The complete lines of JSONL. */
export function wholeLines(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

/** Small requests, each with its id as the text. */
export function items(count: number, prefix = "r"): BatchItem[] {
  return Array.from({ length: count }, (_, n) => {
    const custom_id = `${prefix}${n}`;
    return { custom_id, params: simple(custom_id) };
  });
}

async function ok<T>(response: Response): Promise<T> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return response.json() as Promise<T>;
}
