import { setTimeout as delay, setImmediate as tick } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { eventsOf, simple } from "../support/harness.ts";
import { pacedReply, type Reply, type StreamEvent } from "../support/replies.ts";
import { onEachTransport } from "../support/transports.ts";
import { ANSWERS, LEFT_OF_IT, NOVEL, TAKEN_OUT, TWO_PARTS } from "./answers.ts";

/** What the SDK makes of upstream's stream directly. */
async function sdkFold(events: StreamEvent[]): Promise<Record<string, unknown>> {
  const body = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  const answer = async () => new Response(body, { headers: { "content-type": "text/event-stream" } });
  const client = new Anthropic({ apiKey: "k", baseURL: "http://127.0.0.1:9", fetch: answer });
  const question = { model: "claude-sonnet-5-5", max_tokens: 10, messages: [{ role: "user" as const, content: "x" }] };
  const { parsed_output: _, ...message } = await client.beta.messages.stream(question).finalMessage();
  return message as unknown as Record<string, unknown>;
}

const withoutIds = (events: StreamEvent[]) => events.map(({ message, ...event }) => event);
const withoutPings = (events: StreamEvent[]) => events.filter(({ type }) => type !== "ping");

/** How fast upstream sends: all at once, or one event at a time. */
const PACES: [name: string, pace: (events: StreamEvent[]) => Reply][] = [
  ["all at once", (events) => pacedReply(events)],
  [
    "one by one",
    (events) =>
      pacedReply(
        (async function* () {
          for (const event of events) {
            await tick();
            yield event;
          }
        })(),
      ),
  ],
  [
    "slowly",
    (events) =>
      pacedReply(
        (async function* () {
          for (const event of events.slice(0, 20)) {
            await delay(10);
            yield event;
          }
          yield* events.slice(20);
        })(),
      ),
  ],
];

onEachTransport(({ app, sampled }) => {
  describe.each(PACES)("of an upstream that sends %s,", (name, pace) => {
    const answers = Object.entries(ANSWERS);
    describe.each(name === "all at once" ? sampled(answers, answers.length, 5) : sampled(answers, 5, 2))(
      "%s",
      (_name, events) => {
        it("is streamed unchanged", async () => {
          app.fakeApi.respond = () => pace(events);
          const response = await app.post(simple("x", { stream: true }));
          expect(await eventsOf(response)).toEqual(withoutPings(events));
          expect(app.fakeApi.messages).toHaveLength(1);
        });

        it("is folded like the SDK folds it", async () => {
          app.fakeApi.respond = () => pace(events);
          const message = (await (await app.post(simple("x"))).json()) as Record<string, unknown>;
          const { container = null, ...folded } = await sdkFold(events);
          expect(message).toEqual({ ...folded, container });
          expect(app.fakeApi.messages).toHaveLength(1);
        });
      },
    );

    it.each(Object.entries(TWO_PARTS))("an end in two parts is complete, with %s", async (_order, events) => {
      app.fakeApi.respond = () => pace(events);
      expect(await eventsOf(await app.post(simple("x", { stream: true })))).toEqual(withoutPings(events));
      const message = (await (await app.post(simple("x"))).json()) as object;
      expect(message).toMatchObject({
        stop_reason: "end_turn",
        content: [{ text: "whole" }],
        usage: { output_tokens: 7 },
      });
      expect(app.fakeApi.messages).toHaveLength(2);
    });

    it("lacks only what the CLI removes", async () => {
      app.fakeApi.respond = () => pace(TAKEN_OUT);
      const came = (await eventsOf(await app.post(simple("x", { stream: true })))) as StreamEvent[];
      expect(withoutIds(came)).toEqual(withoutIds(LEFT_OF_IT));
    });

    it("streams unknown events unchanged, and keeps them in the fold", async () => {
      app.fakeApi.respond = () => pace(NOVEL);
      expect(await eventsOf(await app.post(simple("x", { stream: true })))).toEqual(NOVEL);
      const { content } = (await (await app.post(simple("x"))).json()) as { content: object[] };
      expect(content).toEqual([expect.objectContaining({ type: "hologram" }), expect.objectContaining({ text: "x" })]);
      expect(app.fakeApi.messages).toHaveLength(2);
    });
  });
});
