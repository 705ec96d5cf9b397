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
    ["a whole answer", {}],
    ["a continuation that was denied", { calledAgain: true, stopReason: "max_tokens" }],
    ["a refusal of the model", { stopReason: "refusal" }],
    ["a request that was stopped", { stopReason: undefined }],
    ["a 400 that the CLI does not repeat", { refusedStatus: 400 }],
    ["a 404 that the CLI repeats", { refusedStatus: 404, calledAgain: true }],
    ["a 403 that the CLI repeats", { refusedStatus: 403, calledAgain: true }],
    ["a 429", { refusedStatus: 429, calledAgain: true }],
    ["a 529", { refusedStatus: 529, calledAgain: true }],
  ])("%s", (_name, traces) => {
    expect(reasonToRetire({ ...ORDINARY, ...traces })).toBeUndefined();
  });
});

describe("a worker is replaced after", () => {
  it.each<[string, Partial<TurnSummary>, string]>([
    ["a turn without the mod", { modAsked: false }, "it did not ask the one-call mod"],
    ["a failure without a call", { answeredLocally: true }, "without calling the API"],
    ["a 400 that the CLI repeats", { refusedStatus: 400, calledAgain: true }, "refused with status 400"],
    ["a 422 that the CLI repeats", { refusedStatus: 422, calledAgain: true }, "refused with status 422"],
    ["an unknown stop reason", { stopReason: "unheard_of" }, "unknown stop reason"],
  ])("%s", (_name, traces, reason) => {
    expect(reasonToRetire({ ...ORDINARY, ...traces })).toContain(reason);
  });
});
