import { describe, expect, it } from "vitest";
import type { Turn } from "../../../src/claude/turn.ts";
import { TURN_BEGINS } from "../../support/outcomes.ts";
import { eventsFor } from "../../support/replies.ts";
import { collectBatches, isSettled } from "../../support/streams.ts";
import { overlayTurn } from "../../support/turns.ts";

const [START] = eventsFor([]);
const started = (turn: Turn) => turn.accept({ type: "stream_event", event: START });
const LINES = [
  TURN_BEGINS,
  "[Anthropic SDK DEBUG] [log_1] response start {",
  "  headers: {",
  '    "request-id": "req_1",',
  "  },",
];

describe("upstream's headers", () => {
  it("are known before the first event", async () => {
    const turn = overlayTurn({ awaitsHeaders: true });
    for (const line of LINES) turn.onStderrLine(line);
    const fed = started(turn);
    const first = turn.events[Symbol.asyncIterator]().next();
    expect(await isSettled(first)).toBe(false);
    turn.onStderrLine("}");
    expect(await first).toEqual({ value: [START], done: false });
    expect(turn.headers).toEqual({ "request-id": "req_1" });
    await fed;
    expect(turn.lacksHeaders).toBe(false);
  });

  it("are given up if the CLI does not log them", async () => {
    const turn = overlayTurn({ awaitsHeaders: true });
    await started(turn);
    turn.stop();
    expect(await collectBatches(turn.events)).toEqual([START]);
    expect(turn.headers).toEqual({});
    expect(turn.lacksHeaders).toBe(true);
  });

  it("are not awaited if the CLI is known not to log them", async () => {
    const turn = overlayTurn();
    expect(await isSettled(Promise.resolve(started(turn)))).toBe(true);
  });
});
