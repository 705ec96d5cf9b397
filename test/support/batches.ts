import { setImmediate as turn } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { Message } from "../../src/api/events.ts";
import { Batches } from "../../src/batches/batches.ts";
import type { Execute } from "../../src/batches/execute.ts";
import type { Logger } from "../../src/shared/logger.ts";
import { DataDirectory } from "../../src/storage/dataDirectory.ts";
import { Quota } from "../../src/storage/quota.ts";
import { Uploads } from "../../src/storage/uploads.ts";
import { outcomesIn } from "./batchCalls.ts";
import { until } from "./harness.ts";
import { silentLogger } from "./silentLogger.ts";
import { collect, from } from "./streams.ts";

export const CONCURRENCY = 3;

const answer = (text: unknown) => ({ content: [{ type: "text", text }] }) as unknown as Message;

/** Batches on a directory. `execute` gets each request's text; `calls` has every attempt. */
export async function openBatches(
  path: string,
  execute: (text: string, signal: AbortSignal) => unknown,
  quota = new Quota(0),
  logger: Logger = silentLogger,
  uploads = new Uploads(),
) {
  const calls: string[] = [];
  const asked: Execute = async (params, _batch, { signal, admission, onAccepted }) => {
    const { text } = (params as { value: { text: string } }).value;
    admission.confirm();
    calls.push(text);
    await turn();
    const message = answer(await execute(text, signal));
    onAccepted();
    return message;
  };
  const directory = new DataDirectory(path, logger, uploads);
  const options = { concurrency: CONCURRENCY, backoff: { initialMs: 1, maxMs: 2 } };
  const batches = new Batches(directory, quota, asked, options, logger);
  directory.addStore(batches);
  await directory.open();
  onTestFinished(() => directory.close());
  return {
    batches,
    calls,
    directory,
    create: (texts: string[]) => {
      const requests = texts.map((text) => ({ custom_id: text, params: { text } }));
      const bytes = from([Buffer.from(JSON.stringify({ requests }))]);
      return batches.create({ bytes, signal: new AbortController().signal }, "2023-06-01", []);
    },
    ended: async (id: string) => {
      await until(async () => (await batches.get(id)).processing_status === "ended");
      const results = Buffer.concat(await collect(await batches.results(id))).toString();
      return { ...(await batches.get(id)), results: Object.fromEntries(outcomesIn(results)) };
    },
  };
}

export const many = (count: number) => Array.from({ length: count }, (_, n) => `r${n}`);
