import { describe, expect, it } from "vitest";
import type { Turn } from "../../../src/claude/turn.ts";
import { TURN_BEGINS } from "../../support/outcomes.ts";
import { eventsFor, text } from "../../support/replies.ts";
import { overlayTurn } from "../../support/turns.ts";

const RESULT = { type: "result", subtype: "success", is_error: true };
const NOT_SIGNED_IN = { type: "assistant", is_api_error_message: true, error: "authentication_failed", message: {} };
const REQUEST = "[DEBUG] [API REQUEST] /v1/messages source=sdk";
const REFUSED =
  '[ERROR] API error (attempt 1/1): 404 404 {"type":"error","error":{"type":"not_found_error","message":"x"}}';

describe("a turn reports about its worker", () => {
  const log = (text: string, plugin = "one-call") => ({ type: "system", subtype: "ui_log", plugin, text });
  const DENIED = { type: "assistant", is_api_error_message: true, api_error: "hook_denied", message: {} };

  it("that the mod was not asked, if an answer comes without its report", async () => {
    for (const [reports, reason] of [
      [[log("turn started")], undefined],
      [[log("turn started", "another")], "it did not ask our mod"],
      [[], "it did not ask our mod"],
    ] as const) {
      const turn = overlayTurn();
      turn.onStderrLine(TURN_BEGINS);
      for (const report of reports) await turn.accept(report);
      for (const event of eventsFor([text("Hello")])) await turn.accept({ type: "stream_event", event });
      expect(turn.reasonToRetire).toBe(reason);
    }
  });

  it("a call that bypassed the mod, if it was asked about the turn", async () => {
    for (const [reports, isModBypassed] of [
      [["turn started", "calling"], false],
      [["turn started"], true],
      [[], false],
    ] as const) {
      const turn = overlayTurn();
      for (const report of reports) await turn.accept(log(report));
      expect(turn.isModBypassed).toBe(false);
      for (const event of eventsFor([text("Hello")])) await turn.accept({ type: "stream_event", event });
      expect(turn.isModBypassed).toBe(isModBypassed);
    }
  });

  it("nothing if mods are forbidden, and its call once", async () => {
    let calls = 0;
    const turn = overlayTurn({
      onFirstCall: () => {
        calls += 1;
      },
    });
    turn.onStderrLine(TURN_BEGINS);
    for (let call = 0; call < 2; call++) turn.onStderrLine(REQUEST);
    for (const event of eventsFor([text("Hello")])) await turn.accept({ type: "stream_event", event });
    expect(turn.reasonToRetire).toBeUndefined();
    expect(calls).toBe(1);
  });

  it("a failure without a call, unless stderr or the mod reported one", async () => {
    const failed = async (before: (turn: Turn) => unknown) => {
      const turn = overlayTurn();
      turn.onStderrLine(TURN_BEGINS);
      await before(turn);
      await turn.accept(NOT_SIGNED_IN);
      await turn.accept(RESULT);
      return turn.answeredLocally;
    };
    expect(await failed(() => {})).toBe(true);
    expect(await failed((turn) => turn.onStderrLine(REQUEST))).toBe(false);
    expect(await failed((turn) => turn.accept(log("calling")))).toBe(false);
  });

  it("a second call after a 400, denied by the mod or logged on stderr", async () => {
    const after = async (status: number, second: (turn: Turn) => unknown) => {
      const turn = overlayTurn();
      turn.onStderrLine(TURN_BEGINS);
      turn.onStderrLine(REQUEST);
      turn.onStderrLine(REFUSED.replaceAll("404", String(status)));
      await second(turn);
      await turn.accept(RESULT);
      return turn.reasonToRetire;
    };
    expect(await after(400, (turn) => turn.accept(DENIED))).toContain("status 400");
    expect(await after(400, (turn) => turn.onStderrLine(REQUEST))).toContain("status 400");
    expect(await after(400, () => {})).toBeUndefined();
    expect(await after(404, (turn) => turn.accept(DENIED))).toBeUndefined();
  });
});
