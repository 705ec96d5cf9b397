import { expect, it } from "vitest";
import { FULL, QUICK } from "../support/full.ts";
import { eventsOf, health, stage } from "../support/harness.ts";
import { eventsFor, gate, paced, type StreamEvent, text } from "../support/replies.ts";
import { arrivesAs, betasArriveAs } from "./differences.ts";
import { generator } from "./random.ts";

const [REQUESTS, SYSTEM_PROMPTS] = FULL ? [1000, 10] : QUICK ? [10, 2] : [16, 3];
const AT_ONCE = 4;
const MODELS = ["sonnet", "opus", "claude-haiku-4-5-20251001", "claude-sonnet-5-5"];
const BETAS = ["", "context-1m-2025-08-07", "fine-grained-tool-streaming-2025-05-14,unknown-2020-01-01"];

/** Where a client goes away: before anything came, at the first event, in the middle; or it stays, as most do. */
const LEAVES = ["at once", "at the first event", "in the middle", "never", "never", "never"] as const;

const random = generator(7);
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** One of many requests, unlike all others. */
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
  // who waits for a whole answer sees no middle of it
  return { body, betas: oneOf(BETAS), leaves, left: gate(), stream: leaves === "in the middle" || random() < 0.7 };
}

it(`keeps ${REQUESTS} requests apart, over ${SYSTEM_PROMPTS} system prompts, models and betas, while clients come and go`, async () => {
  await using on = await stage({ maxConcurrent: AT_ONCE });
  const answers = new Map<string, StreamEvent[]>();
  on.standIn.respond = ({ body }) => {
    const question = body.messages[0].content as string;
    const events = [...eventsFor([text(`answer to ${question}`)])];
    answers.set(question, events);
    const { leaves, left } = sent.get(question)!;
    if (leaves !== "in the middle") return paced(events);
    return paced(
      (async function* () {
        yield* events.slice(0, 4);
        await left.opened;
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
    const asked = on.post({ ...body, stream }, betas ? { "anthropic-beta": betas } : {}, leave.signal);
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
      left.open();
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

  const waiting = Array.from({ length: REQUESTS }, (_, n) => makeRequest(n));
  const client = async () => {
    for (let request = waiting.shift(); request; request = waiting.shift()) await ask(request);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));

  const questions = on.standIn.messages.map(({ body }) => body.messages[0].content as string);
  expect(questions).toHaveLength(new Set(questions).size);
  for (const { body, headers } of on.standIn.messages) {
    const request = sent.get(body.messages[0].content);
    expect(body).toEqual(arrivesAs(request!.body));
    const betas = new Set(String(headers["anthropic-beta"]).split(","));
    expect(betas).toEqual(
      betasArriveAs(
        request!.body,
        request!.betas.split(",").filter((beta) => beta !== ""),
      ),
    );
  }
  const answered = [...sent].filter(([, { leaves }]) => leaves !== "at once").map(([question]) => question);
  expect(questions).toEqual(expect.arrayContaining(answered));
  await expect.poll(async () => (await health(on)).requests.running, { timeout: 30_000 }).toBe(0);
  // as many as may be busy or idle, and those that are just being let go
  expect((await health(on)).workers.alive).toBeLessThanOrEqual(3 * AT_ONCE + 1);
  expect(on.log.filter((line) => line.startsWith("[error]"))).toEqual([]);
}, 900_000);
