import { describe, expect, it } from "vitest";
import { cliEnded } from "../../../src/api/cliErrors.ts";
import type { StreamEvent } from "../../../src/api/events.ts";
import { TURN_BEGINS } from "../../support/outcomes.ts";
import { eventsFor, text, toolUse } from "../../support/replies.ts";
import { collectBatches, isSettled } from "../../support/streams.ts";
import { overlayTurn } from "../../support/turns.ts";

const withoutPings = (events: Iterable<StreamEvent>) => [...events].filter(({ type }) => type !== "ping");
const ANSWER: StreamEvent[] = withoutPings(eventsFor([text("Two words"), toolUse("look", { at: "a" })]));
const [START] = ANSWER as [StreamEvent, ...StreamEvent[]];
const BLOCK_START = { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } };
const DELTA = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Half" } };
const BLOCK_STOP = { type: "content_block_stop", index: 0 };
const STOP = { type: "message_stop" };
/** The end events that the CLI makes up for a broken stream. */
const MADE_UP_ENDS = [
  [BLOCK_STOP, STOP],
  [BLOCK_STOP, { type: "message_delta", delta: { stop_reason: null, stop_sequence: null }, usage: {} }, STOP],
  [{ type: "message_delta", delta: { stop_reason: null } }, STOP],
  [STOP],
];
const RESULT = { type: "result", subtype: "success", is_error: true };
const NOT_SIGNED_IN = {
  type: "assistant",
  is_api_error_message: true,
  error: "authentication_failed",
  message: { content: [{ type: "text", text: "Not logged in · Please run /login" }] },
};
const UNREACHABLE = {
  type: "assistant",
  is_api_error_message: true,
  api_error: "connection_failed",
  message: { content: [{ type: "text", text: "API Error: Unable to connect to API (ECONNREFUSED)" }] },
};
const REQUEST = "[DEBUG] [API REQUEST] /v1/messages source=sdk";
const REFUSED =
  '[ERROR] API error (attempt 1/1): 404 404 {"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"req_9c1f"}';
const OVERLOADED =
  '[ERROR] Error streaming (non-streaming fallback disabled): {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}';
const now = (line: string) => `${new Date().toISOString()} ${line}`;
const at = (milliseconds: number, line: string) => `${new Date(Date.now() + milliseconds).toISOString()} ${line}`;

/** stderr lines before an answer's first event. */
const HEADERS = [
  TURN_BEGINS,
  "[Anthropic SDK DEBUG] [log_1] response start {",
  "  headers: {",
  '    "request-id": "req_1",',
  "  },",
  "}",
];

function begin() {
  const calls: string[] = [];
  const turn = overlayTurn({ sendInterrupt: () => calls.push("interrupt"), awaitsHeaders: true });
  for (const line of HEADERS) turn.onStderrLine(line);
  const feed = async (...events: StreamEvent[]) => {
    for (const event of events) await turn.accept({ type: "stream_event", event });
  };
  return { turn, calls, feed };
}

/** The events read before the failure, and the failure. */
async function readUntilFailure(turn: ReturnType<typeof overlayTurn>) {
  const events: StreamEvent[] = [];
  try {
    for await (const batch of turn.events) events.push(...batch);
  } catch (error) {
    return { events, error };
  }
  throw new Error("The turn did not fail.");
}

describe("a complete answer", () => {
  it("is yielded unchanged and ends the turn at its message_stop", async () => {
    const { turn, calls, feed } = begin();
    await feed(...ANSWER);
    expect(await collectBatches(turn.events)).toEqual(ANSWER);
    expect(calls).toEqual(["interrupt"]);
  });

  it("excludes what the CLI does afterwards", async () => {
    const { turn, calls, feed } = begin();
    await feed(...ANSWER, ...ANSWER);
    turn.onStderrLine(now(OVERLOADED));
    await turn.accept(RESULT);
    turn.stop();
    expect(await collectBatches(turn.events)).toEqual(ANSWER);
    expect(calls).toEqual(["interrupt"]);
  });

  it("keeps the turn busy until the CLI reports its end", async () => {
    const { turn, feed } = begin();
    await feed(...ANSWER);
    expect(await isSettled(turn.ended)).toBe(false);
    expect(await isSettled(Promise.resolve(turn.accept(RESULT)))).toBe(true);
    expect(await isSettled(turn.ended)).toBe(true);
  });

  it("stays complete if the worker is lost afterwards", async () => {
    const { turn, feed } = begin();
    await feed(...ANSWER);
    turn.fail(cliEnded("exit code 1"));
    expect(await collectBatches(turn.events)).toEqual(ANSWER);
    expect(await isSettled(turn.ended)).toBe(true);
  });

  it("ignores a second message_start", async () => {
    const { turn, feed } = begin();
    await feed(START, START, ...ANSWER.slice(1));
    expect(await collectBatches(turn.events)).toEqual(ANSWER);
  });

  it("slows the CLI down if the reader is slow", async () => {
    const { turn, feed } = begin();
    await feed(START, BLOCK_START);
    let waiting: Promise<void> | undefined;
    for (let fed = 0; fed < 1000 && !waiting; fed++) {
      const accepted = feed(DELTA);
      if (!(await isSettled(accepted))) waiting = accepted;
    }
    expect(waiting).toBeDefined();
    expect((await turn.events[Symbol.asyncIterator]().next()).value?.slice(0, 2)).toEqual([START, BLOCK_START]);
    expect(await isSettled(waiting!)).toBe(true);
  });
});

describe("a rate limit reported by the CLI", () => {
  it("is part of the failure", async () => {
    const { turn } = begin();
    await turn.accept({
      type: "rate_limit_event",
      rate_limit_info: { status: "rejected", rateLimitType: "five_hour" },
    });
    turn.onStderrLine(now(REFUSED.replaceAll("404", "429")));
    await turn.accept(RESULT);
    const headers = { "anthropic-ratelimit-unified-status": "rejected" };
    expect((await readUntilFailure(turn)).error).toMatchObject({ status: 429, headers });
  });
});

describe("a line of stderr", () => {
  it("counts without a timestamp, even if its text contains one", async () => {
    const { turn } = begin();
    const head = "[Anthropic SDK DEBUG] [log_1a2b3c] response error (error; no more retries left) {";
    for (const line of [head, "  headers: {", '    "retry-after": "1",', "  },", "}", now(REFUSED)])
      turn.onStderrLine(line);
    await turn.accept(RESULT);
    expect((await readUntilFailure(turn)).error).toMatchObject({ headers: { "retry-after": "1" } });
  });

  it.each([0, 60_000])("is ignored until the CLI got the turn's settings, even %i ms ahead", async (time) => {
    const turn = overlayTurn({ awaitsHeaders: true });
    turn.onStderrLine(at(time, REQUEST));
    turn.onStderrLine(at(time, REFUSED));
    turn.onStderrLine(at(0, TURN_BEGINS));
    expect(turn.sent).toBe(false);
    await turn.accept(UNREACHABLE);
    await turn.accept(RESULT);
    const { error } = await readUntilFailure(turn);
    expect(error).toMatchObject({
      status: 500,
      message: "Claude Code could not reach the API: Unable to connect to API (ECONNREFUSED)",
    });
  });
});

describe("sent", () => {
  it.each([0, -60_000])("is true from the line about the request, even if the clock was set by %i ms", (time) => {
    const { turn } = begin();
    expect(turn.sent).toBe(false);
    turn.onStderrLine(at(time, REQUEST));
    expect(turn.sent).toBe(true);
  });

  it("is true from message_start at the latest", async () => {
    const { turn, feed } = begin();
    await feed(START);
    expect(turn.sent).toBe(true);
  });
});

describe("a failure", () => {
  it("uses the message that stderr quotes, not the reworded one", async () => {
    const { turn } = begin();
    turn.onStderrLine(now(REFUSED));
    await turn.accept({ ...UNREACHABLE, api_error_status: 404 });
    await turn.accept(RESULT);
    const { events, error } = await readUntilFailure(turn);
    expect(events).toEqual([]);
    const expected = { status: 404, type: "not_found_error", message: "model: x", requestId: "req_9c1f" };
    expect(error).toMatchObject(expected);
    expect(await isSettled(turn.ended)).toBe(true);
  });

  it("waits for a message that comes late on stderr", async () => {
    const { turn } = begin();
    await turn.accept({ ...UNREACHABLE, api_error_status: 404 });
    const accepted = turn.accept(RESULT);
    turn.onStderrLine(now(REFUSED));
    await accepted;
    expect((await readUntilFailure(turn)).error).toMatchObject({ message: "model: x" });
  });

  it("says how to sign in when signed out", async () => {
    const { turn } = begin();
    await turn.accept(NOT_SIGNED_IN);
    await turn.accept(RESULT);
    const { error } = await readUntilFailure(turn);
    expect(error).toMatchObject({ status: 401, message: expect.stringContaining("sign in with /login") });
  });

  it.each(MADE_UP_ENDS)("in mid-stream replaces the made-up end (%#)", async (...end) => {
    const { turn, calls, feed } = begin();
    await feed(START, BLOCK_START, DELTA, ...end);
    turn.onStderrLine(now(OVERLOADED));
    await turn.accept(RESULT);
    const { events, error } = await readUntilFailure(turn);
    expect(events).toEqual([START, BLOCK_START, DELTA]);
    expect(error).toMatchObject({ status: 529, type: "overloaded_error", message: "Overloaded" });
    expect(calls).toEqual([]);
  });

  it("is not replaced by a second answer", async () => {
    const { turn, calls, feed } = begin();
    await feed(START, BLOCK_START, DELTA, BLOCK_STOP, STOP, ...ANSWER);
    turn.onStderrLine(now(OVERLOADED));
    await turn.accept(RESULT);
    expect(await readUntilFailure(turn)).toMatchObject({ events: [START, BLOCK_START, DELTA], error: { status: 529 } });
    expect(calls).toEqual([]);
  });

  it("is not read from a normal assistant message", async () => {
    const { turn } = begin();
    await turn.accept({ ...NOT_SIGNED_IN, is_api_error_message: undefined });
    await turn.accept(RESULT);
    expect((await readUntilFailure(turn)).error).toMatchObject({ status: 500 });
  });
});

describe("stop", () => {
  it("ends the events without an error and interrupts once", async () => {
    const { turn, calls, feed } = begin();
    await feed(START, BLOCK_START);
    turn.stop();
    turn.stop();
    await feed(DELTA);
    expect(await collectBatches(turn.events)).toEqual([START, BLOCK_START]);
    expect(calls).toEqual(["interrupt"]);
  });

  it("keeps the turn busy until the CLI reports its end, which is not a failure", async () => {
    const { turn } = begin();
    turn.stop();
    expect(await isSettled(turn.ended)).toBe(false);
    await turn.accept(RESULT);
    expect(await isSettled(turn.ended)).toBe(true);
    expect(await collectBatches(turn.events)).toEqual([]);
  });

  it("releases output that waits for a slow reader", async () => {
    const { turn, feed } = begin();
    const flooded = feed(START, BLOCK_START, ...Array.from({ length: 1000 }, () => DELTA));
    expect(await isSettled(flooded)).toBe(false);
    turn.stop();
    expect(await isSettled(flooded)).toBe(true);
  });
});

describe("a client that leaves before the last event is read", () => {
  it("interrupts once", async () => {
    const { turn, calls, feed } = begin();
    await feed(...withoutPings(eventsFor([text("x ".repeat(59))], { stop_reason: "max_tokens" })));
    turn.stop();
    expect(calls).toEqual(["interrupt"]);
  });
});

describe("fail", () => {
  it("ends the turn for good, after the earlier events", async () => {
    const { turn, calls, feed } = begin();
    await feed(START, BLOCK_START);
    const error = cliEnded("SIGKILL");
    turn.fail(error);
    expect(await isSettled(turn.ended)).toBe(true);
    expect(await readUntilFailure(turn)).toEqual({ events: [START, BLOCK_START], error });
    expect(calls).toEqual([]);
  });
});
