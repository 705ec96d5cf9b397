import { describe, expect, it } from "vitest";
import type { StreamEvent } from "../../../src/api/events.ts";
import { eventsFor, text } from "../../support/replies.ts";
import { collectBatches } from "../../support/streams.ts";
import { overlayTurn } from "../../support/turns.ts";

const ANSWER: StreamEvent[] = [...eventsFor([text("Two words")])];
const [START] = ANSWER as [StreamEvent, ...StreamEvent[]];
const BLOCK_START = { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } };
const DELTA = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Half" } };
const BLOCK_STOP = { type: "content_block_stop", index: 0 };
const STOP = { type: "message_stop" };

function begin() {
  const calls: string[] = [];
  const turn = overlayTurn({ sendInterrupt: () => calls.push("interrupt") });
  const feed = async (...events: StreamEvent[]) => {
    for (const event of events) await turn.accept({ type: "stream_event", event });
  };
  return { turn, calls, feed };
}

describe("the end of an answer", () => {
  const delta = (stop_reason: string | null) => ({ type: "message_delta", delta: { stop_reason } });
  const whole = (...ends: StreamEvent[]) => [START, BLOCK_START, DELTA, BLOCK_STOP, ...ends];
  const NO_ERROR = { type: "result", subtype: "success", is_error: false };

  it.each([
    ["before", whole(delta(null), delta("end_turn"), STOP)],
    ["after", whole(delta("end_turn"), delta(null), STOP)],
    ["twice before", whole(delta(null), delta(null), delta("end_turn"), STOP)],
    ["between blocks", [START, delta(null), ...whole(delta("end_turn"), STOP).slice(1)]],
  ])("may have a delta without a stop reason, %s", async (_where, answer) => {
    const { turn, calls, feed } = begin();
    await feed(...answer);
    expect(await collectBatches(turn.events)).toEqual(answer);
    expect(calls).toEqual([]);
  });

  it.each([
    ["end_turn", []],
    ["max_tokens", ["interrupt"]],
    ["tool_use", ["interrupt"]],
    ["one_to_come", ["interrupt"]],
  ])("is awaited after %s, if the CLI ends the turn unasked", async (reason, interrupts) => {
    const { turn, calls, feed } = begin();
    await feed(...whole(delta(reason), STOP));
    expect(calls).toEqual(interrupts);
    turn.interrupt();
    expect(calls).toEqual(["interrupt"]);
  });

  it("is not decided by a ping, which is never the first event", async () => {
    const { turn, feed } = begin();
    const ping = { type: "ping" };
    await feed(ping, START, BLOCK_START, ping, DELTA, BLOCK_STOP, ping, delta("end_turn"), STOP);
    expect(await collectBatches(turn.events)).toEqual(whole(delta("end_turn"), STOP));
  });

  it("comes at an event nested too deeply", async () => {
    const { turn, calls, feed } = begin();
    const deep = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`);
    await feed(START, { ...BLOCK_START, content_block: { type: "x", deep } }, ...ANSWER.slice(1));
    await expect(collectBatches(turn.events)).rejects.toThrow(/broke off: .* nested/);
    expect(calls).toEqual(["interrupt"]);
  });

  it("may be in its first event", async () => {
    const { turn, calls, feed } = begin();
    const content = [{ type: "tool_use", id: "a", name: "look", input: {} }];
    const answer = [{ type: "message_start", message: { content, stop_reason: "tool_use" } }, STOP];
    await feed(...answer);
    expect(await collectBatches(turn.events)).toEqual(answer);
    expect(calls).toEqual(["interrupt"]);
  });

  it.each([[whole(delta(null), STOP)], [whole(STOP)]])(
    "is upstream's without a stop reason if the CLI reports no failure",
    async (answer) => {
      const { turn, feed } = begin();
      await feed(...answer);
      await turn.accept(NO_ERROR);
      expect(await collectBatches(turn.events)).toEqual(answer);
    },
  );

  it("is the CLI's if it says so, whatever follows", async () => {
    const { turn, feed } = begin();
    await feed(...whole());
    const line = { type: "stream_event", event: STOP, abandoned_blocks: { from_block_index: 1 } };
    await turn.accept(line);
    await feed(...ANSWER);
    await turn.accept(NO_ERROR);
    await expect(collectBatches(turn.events)).rejects.toMatchObject({ message: expect.stringContaining("broke off") });
  });
});
