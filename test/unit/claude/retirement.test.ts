import { describe, expect, it } from "vitest";
import { reasonToRetire, type TurnSummary } from "../../../src/claude/retirement.ts";

const ORDINARY: TurnSummary = {
  modAsked: true,
  answeredLocally: false,
  calledAgain: false,
  refusedStatus: undefined,
  stopReason: "end_turn",
};

describe("a worker serves on after", () => {
  it.each<[string, Partial<TurnSummary>]>([
    ["a complete answer", {}],
    ["a denied continuation", { calledAgain: true, stopReason: "max_tokens" }],
    ["a refusal of the model", { stopReason: "refusal" }],
    ["a stopped request", { stopReason: undefined }],
    ["a 400 without a retry", { refusedStatus: 400 }],
    ["a retried 404", { refusedStatus: 404, calledAgain: true }],
    ["a retried 403", { refusedStatus: 403, calledAgain: true }],
    ["a 429", { refusedStatus: 429, calledAgain: true }],
    ["a 529", { refusedStatus: 529, calledAgain: true }],
  ])("%s", (_name, traces) => {
    expect(reasonToRetire({ ...ORDINARY, ...traces })).toBeUndefined();
  });
});

describe("a worker is replaced after", () => {
  it.each<[string, Partial<TurnSummary>, string]>([
    ["a turn without the mod", { modAsked: false }, "it did not ask our mod"],
    ["a failure without a call", { answeredLocally: true }, "without calling the API"],
    ["a retried 400", { refusedStatus: 400, calledAgain: true }, "rejected with status 400"],
    ["a retried 422", { refusedStatus: 422, calledAgain: true }, "rejected with status 422"],
    ["an unknown stop reason", { stopReason: "unheard_of" }, "unknown stop reason"],
  ])("%s", (_name, traces, reason) => {
    expect(reasonToRetire({ ...ORDINARY, ...traces })).toContain(reason);
  });
});
