import { describe, expect, it } from "vitest";
import {
  breakpointsOutsideSystem,
  countBreakpoints,
  MAX_CACHE_BREAKPOINTS,
  systemCacheTtl,
} from "../../../src/validation/cacheBreakpoints.ts";

const mark = { cache_control: { type: "ephemeral" } };
const text = (extra: object = {}) => ({ type: "text", text: "a", ...extra });
const message = (...content: object[]) => ({ role: "user", content });

describe("cache breakpoints", () => {
  it.each<[string, object, number, number]>([
    ["nothing at all", {}, 0, 0],
    ["texts instead of lists", { system: "a", messages: [{ role: "user", content: "a" }] }, 0, 0],
    ["the request", mark, 0, 1],
    ["tools", { tools: [{ name: "a", ...mark }, { name: "b" }, { name: "c", ...mark }] }, 0, 2],
    ["system blocks", { system: [text(mark), text(), text(mark)] }, 2, 0],
    ["message blocks", { messages: [message(text(), text(mark)), message(text(mark))] }, 0, 2],
    [
      "blocks inside tool results",
      { messages: [message({ type: "tool_result", ...mark, content: [text(mark)] })] },
      0,
      2,
    ],
    ["null", { cache_control: null, system: [text({ cache_control: null })] }, 0, 0],
    [
      "quoted data",
      {
        tools: [{ name: "a", input_schema: { properties: { ...mark, content: { items: [mark] } } } }],
        messages: [message({ type: "tool_use", id: "a", name: "a", input: { ...mark, content: [mark] } })],
        metadata: mark,
      },
      0,
      0,
    ],
    ["lists of other values", { system: [null, 5, "a"], messages: [null], tools: "a" }, 0, 0],
    ["all together", { ...mark, system: [text(mark)], tools: [mark], messages: [message(text(mark))] }, 1, 3],
  ])("are counted in %s", (_where, request, inSystem, outside) => {
    expect(breakpointsOutsideSystem(request)).toBe(outside);
    expect(countBreakpoints(request)).toBe(inSystem + outside);
    expect(systemCacheTtl(request) !== undefined).toBe(inSystem > 0);
  });

  it.each([
    [[{}, { ttl: "1h" }], "1h"],
    [[{ ttl: "1h" }, { ttl: "5m" }], "5m"],
    [[{ ttl: "1h" }, {}], "5m"],
    [[{ ttl: "1h" }, null], "1h"],
  ])("on the system prompt %j ask for %s", (marks, expected) => {
    const system = marks.map((each) => text({ cache_control: each && { type: "ephemeral", ...each } }));
    expect(systemCacheTtl({ system })).toBe(expected);
  });

  it("are four at most", () => {
    expect(MAX_CACHE_BREAKPOINTS).toBe(4);
  });
});
