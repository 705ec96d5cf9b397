import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../../src/api/ids.ts";
import type { BatchRecord } from "../../src/batches/record.ts";
import { brokenCli } from "../../test/support/brokenCli.ts";
import { FORM_END, FORM_TYPE, partHead } from "../../test/support/forms.ts";
import { simple } from "../../test/support/harness.ts";
import { eventsFor, failure, pacedReply, reply, type StreamEvent, text, toolUse } from "../../test/support/replies.ts";
import { COUNTS } from "./counts.ts";
import type { Bench, Case } from "./measure.ts";
import { imageMessage, MB, statusOf } from "./requests.ts";

const SMALL_BODY = JSON.stringify(simple("Hello"));

const post = (bench: Bench, body: string) => statusOf(bench.post("/v1/messages", body));
/** Sends a request several times concurrently; returns how many got which response. */
const together = async (answers: Promise<string>[]): Promise<string> => {
  const outcomes = await Promise.all(answers);
  return [...new Set(outcomes)].map((one) => `${outcomes.filter((other) => other === one).length} × ${one}`).join(", ");
};

/** Runs the case against the small fake API that responds at once. */
const answering = (run: (bench: Bench) => Promise<string>) => (bench: Bench) => {
  bench.fakeApi.respond = () => reply([text("A short answer")]);
  return run(bench);
};

const ordinary: Case = {
  name: "small",
  title: "20 small messages, one after the other",
  run: answering(async (bench) => {
    let outcome = "";
    for (let i = 0; i < 20; i++) outcome = await post(bench, SMALL_BODY);
    return outcome;
  }),
};

const bodies: Case[] = [
  {
    name: "image",
    title: "an image message of 31.5 MB",
    run: answering((bench) => post(bench, imageMessage(31.5 * MB))),
  },
  {
    name: "images",
    title: "eight of them at once",
    run: answering((bench) => {
      const body = imageMessage(31.5 * MB);
      return together(Array.from({ length: 8 }, () => post(bench, body)));
    }),
  },
  {
    name: "messages",
    title: "100,000 messages in one body",
    run: answering((bench) => {
      const messages = Array.from({ length: 100_000 }, (_, i) => ({
        role: i % 2 === 0 ? "user" : "assistant",
        content: `This is message ${i}`,
      }));
      return post(bench, JSON.stringify({ ...simple(), messages: [...messages, { role: "user", content: "Go" }] }));
    }),
  },
  {
    name: "keys",
    title: "2 million keys in a tool's input (25 MB)",
    run: answering((bench) => {
      const keys = Array.from({ length: 2_000_000 }, (_, i) => `"k${i}":1`).join(",");
      const call = toolUse("look", {}, "toolu_01");
      const result = { type: "tool_result", tool_use_id: "toolu_01", content: "Done" };
      const messages = [
        { role: "user", content: "Look" },
        { role: "assistant", content: [{ ...call, caller: undefined }] },
        { role: "user", content: [result] },
      ];
      return post(bench, JSON.stringify({ ...simple(), messages }).replace('"input":{}', `"input":{${keys}}`));
    }),
  },
  {
    name: "brackets",
    title: "32 MB of nested brackets",
    run: answering((bench) => {
      const half = 15.9 * MB;
      return post(bench, JSON.stringify(simple(0)).replace(":0}", `:${"[".repeat(half)}${"]".repeat(half)}}`));
    }),
  },
  {
    name: "arrays",
    title: "10 million empty arrays (30 MB)",
    run: answering((bench) => post(bench, JSON.stringify(simple([])).replace(":[]", `:[${"[],".repeat(1e7)}[]]`))),
  },
];

const upstream: Case[] = [
  {
    name: "line",
    title: "a line of 300 MB from a CLI at its start",
    async prepare(home) {
      const write = `head -c 300000000 /dev/zero | tr '\\0' x; echo`;
      // only the first worker does it, so that the request gets a good one
      const prepare = `if mkdir "${home}/written" 2>/dev/null; then ${write}; fi`;
      return { claudePath: await brokenCli(home, { prepare }) };
    },
    run: answering((bench) => post(bench, SMALL_BODY)),
  },
  ...[
    ["error", "an error text of 240 KB with blanks", `max_tokens: 1 ${"a ".repeat(120_000)}`],
    ["errorBlanks", "an error text of 240 KB of blanks alone", `max_tokens:${" ".repeat(240_000)}.`],
  ].map(
    ([name, title, message]): Case => ({
      name: name as string,
      title: title as string,
      run(bench) {
        bench.fakeApi.respond = () => failure(400, "invalid_request_error", message as string);
        return post(bench, SMALL_BODY);
      },
    }),
  ),
  {
    name: "depth",
    title: "a tool's input cut off at depth 40,000",
    run(bench) {
      const events = [...eventsFor([toolUse("look", {})], { stop_reason: "max_tokens" })];
      const input = events.find(({ delta }) => delta?.type === "input_json_delta") as StreamEvent;
      input.delta.partial_json = '{"a":'.repeat(40_000);
      bench.fakeApi.respond = () => pacedReply(events);
      return post(bench, SMALL_BODY);
    },
  },
  {
    name: "index",
    title: "a content block of index 50 million",
    run(bench) {
      const events = [...eventsFor([text("A short answer")])];
      for (const event of events) if ("index" in event) event.index = 5e7;
      bench.fakeApi.respond = () => pacedReply(events);
      return post(bench, SMALL_BODY);
    },
  },
  {
    name: "streams",
    title: "8 streams of 20,000 events each",
    async run(bench) {
      const long = Array.from({ length: 20_000 }, (_, i) => `word${i} `).join("");
      bench.fakeApi.respond = () => reply([text(long)]);
      return together(Array.from({ length: 8 }, () => post(bench, JSON.stringify(simple("Go", { stream: true })))));
    },
  },
];

const stored: Case[] = [
  {
    name: "upload",
    title: "an upload of 500 MB",
    async run(bench) {
      async function* body() {
        yield Buffer.from(partHead({ name: "file", filename: "large.bin", type: "application/octet-stream" }));
        const chunk = Buffer.alloc(MB / 4, "x");
        for (let sent = 0; sent < 500 * MB; sent += chunk.length) yield chunk;
        yield Buffer.from(FORM_END);
      }
      const headers = { "x-api-key": "bench", "content-type": FORM_TYPE };
      return statusOf(fetch(`${bench.url}/v1/files`, { method: "POST", headers, body: body(), duplex: "half" }));
    },
  },
  {
    name: "batch",
    title: "a batch of 100,000 requests, created",
    run: answering((bench) => {
      const requests = Array.from({ length: 100_000 }, (_, i) => ({
        custom_id: `r${i}`,
        params: simple(`question ${i}`),
      }));
      return statusOf(bench.post("/v1/messages/batches", JSON.stringify({ requests })));
    }),
  },
  {
    name: "results",
    title: "the results of 100,000 requests, downloaded",
    prepare: async (home) => ({ dataDir: join(home, "data"), ...(await endedBatch(join(home, "data"), 100_000)) }),
    async run(bench) {
      const headers = { "x-api-key": "bench" };
      const list = (await (await fetch(`${bench.url}/v1/messages/batches`, { headers })).json()) as {
        data: { id: string }[];
      };
      const response = await fetch(`${bench.url}/v1/messages/batches/${list.data[0]?.id}/results`, { headers });
      let bytes = 0;
      for await (const chunk of response.body ?? []) bytes += chunk.length;
      return `${response.status}, ${(bytes / MB).toFixed(0)} MB`;
    },
  },
];

/** Writes an ended batch to a data directory, in the store's format. */
async function endedBatch(dataDir: string, total: number): Promise<object> {
  const now = Date.now();
  const id = newId("msgbatch", now);
  const record: BatchRecord = {
    id,
    processing_status: "ended",
    created_at: new Date(now).toISOString(),
    expires_at: new Date(now + 24 * 3600_000).toISOString(),
    ended_at: new Date(now).toISOString(),
    cancel_initiated_at: null,
    archived_at: null,
    total,
    counts: { succeeded: total, errored: 0, canceled: 0, expired: 0 },
    api_version: "2023-06-01",
    betas: [],
  };
  const { folded: message } = reply([text("A short answer ".repeat(10))]) as { folded: unknown };
  const lines = Array.from({ length: total }, (_, i) =>
    JSON.stringify({ custom_id: `r${i}`, result: { type: "succeeded", message } }),
  );
  const directory = join(dataDir, "batches", id);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "batch.json"), JSON.stringify(record));
  await writeFile(join(directory, "results.jsonl"), `${lines.join("\n")}\n`);
  return {};
}

/** Every case. The first one is the baseline. */
export const CASES: readonly Case[] = [ordinary, ...bodies, ...upstream, ...COUNTS, ...stored];
