import { expect, it } from "vitest";
import type { TransportName } from "../../src/claude/transport/transport.ts";
import { FULL, QUICK } from "../support/full.ts";
import { type App, eventsOf, health, startApp } from "../support/harness.ts";
import { deferred, eventsFor, pacedReply, type StreamEvent, text } from "../support/replies.ts";
import { CAN_REWRITE } from "../support/transports.ts";
import { arrivesAs, betasArriveAs } from "./differences.ts";
import { generator } from "./random.ts";
import { expectRewritten } from "./rewritten.ts";
import { written } from "./written.ts";

const SYSTEM_PROMPTS = FULL ? 10 : 3;
const AT_ONCE = 4;
const MODELS = ["sonnet", "opus", "claude-haiku-4-5-20251001", "claude-sonnet-5-5"];
const BETAS = ["", "context-1m-2025-08-07", "fine-grained-tool-streaming-2025-05-14,unknown-2020-01-01"];

/** When a client leaves: before the answer, at its first event, or in the middle; most stay. */
const LEAVES = ["at once", "at the first event", "in the middle", "never", "never", "never"] as const;

const random = generator(7);
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** One of many requests, each different. */
function makeRequest(n: number) {
  const body = {
    model: oneOf(MODELS),
    max_tokens: 1000 + n,
    system: `You are number ${Math.floor(random() * SYSTEM_PROMPTS)}.`,
    messages: [{ role: "user", content: `question ${n}` }],
    ...(random() < 0.5 && { stop_sequences: [`stop ${n}`] }),
    ...(random() < 0.5 && { tools: [{ name: `tool_${n}`, input_schema: { type: "object" } }] }),
  };
  const leaves = oneOf(LEAVES);
  // a client that waits for the complete answer sees no middle
  return { body, betas: oneOf(BETAS), leaves, left: deferred(), stream: leaves === "in the middle" || random() < 0.7 };
}

/** For each transport: the number of requests, and the most workers that may remain. */
const RUNS: [transport: TransportName, requests: number, workers: number][] = [
  ...(CAN_REWRITE ? [["rewrite", FULL ? 1000 : QUICK ? 12 : 24, AT_ONCE + 1] as [TransportName, number, number]] : []),
  ["overlay", FULL ? 1000 : QUICK ? 6 : 8, 3 * AT_ONCE + 1],
];

it.each(RUNS)(
  "by %s, keeps %i requests apart while clients come and go",
  async (transport, requests, workers) => {
    await using app = await startApp({
      maxConcurrent: AT_ONCE,
      transport: transport === "rewrite" ? "auto" : transport,
    });
    await expectKeptApart(app, transport, requests);
    await expect.poll(async () => (await health(app)).requests.running, { timeout: 30_000 }).toBe(0);
    expect((await health(app)).workers.alive).toBeLessThanOrEqual(workers);
    expect(app.log.filter((line) => line.startsWith("[error]"))).toEqual([]);
  },
  900_000,
);

async function expectKeptApart(app: App, transport: TransportName, requests: number): Promise<void> {
  const answers = new Map<string, StreamEvent[]>();
  app.fakeApi.respond = ({ body }) => {
    const question = body.messages[0].content as string;
    const events = [...eventsFor([text(`answer to ${question}`)])];
    answers.set(question, events);
    const { leaves, left } = sent.get(question)!;
    if (leaves !== "in the middle") return pacedReply(events);
    return pacedReply(
      (async function* () {
        yield* events.slice(0, 4);
        await left.promise;
        yield* events.slice(4);
      })(),
    );
  };

  const sent = new Map<string, ReturnType<typeof makeRequest>>();
  async function ask(request: ReturnType<typeof makeRequest>): Promise<void> {
    const { body, betas, leaves, left, stream } = request;
    const question = String(body.messages[0]?.content);
    sent.set(question, request);
    const leave = new AbortController();
    const asked = app.post({ ...body, stream }, betas ? { "anthropic-beta": betas } : {}, leave.signal);
    if (leaves === "at once") {
      leave.abort();
      await expect(asked).rejects.toThrow();
      return;
    }
    const response = await asked;
    expect(response.status).toBe(200);
    if (leaves === "in the middle") {
      let received = "";
      for await (const chunk of response.body!) {
        received += Buffer.from(chunk).toString();
        if (received.includes("content_block_delta")) break;
      }
      leave.abort();
      left.resolve();
      return;
    }
    if (leaves === "at the first event") {
      await response.body?.getReader().read();
      leave.abort();
      return;
    }
    const upstream = answers.get(question)?.filter(({ type }) => type !== "ping");
    if (stream) expect(await eventsOf(response)).toEqual(upstream);
    else expect(await response.json()).toMatchObject({ content: [{ type: "text", text: `answer to ${question}` }] });
  }

  const waiting = Array.from({ length: requests }, (_, n) => makeRequest(n));
  const client = async () => {
    for (let request = waiting.shift(); request; request = waiting.shift()) await ask(request);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));

  const questions = app.fakeApi.messages.map(({ body }) => body.messages[0].content as string);
  expect(questions).toHaveLength(new Set(questions).size);
  for (const call of app.fakeApi.messages) {
    const { body, headers } = call;
    const request = sent.get(body.messages[0].content);
    const betas = request!.betas.split(",").filter((beta) => beta !== "");
    if (transport === "rewrite") {
      expectRewritten(call, written({ ...request!.body, stream: request!.stream }), betas);
    } else {
      expect(body).toEqual(arrivesAs(request!.body));
      expect(new Set(String(headers["anthropic-beta"]).split(","))).toEqual(betasArriveAs(request!.body, betas));
    }
  }
  const answered = [...sent].filter(([, { leaves }]) => leaves !== "at once").map(([question]) => question);
  expect(questions).toEqual(expect.arrayContaining(answered));
}
