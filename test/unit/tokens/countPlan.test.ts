import { describe, expect, it } from "vitest";
import { planCount } from "../../../src/tokens/countPlan.ts";
import type { CountTokensRequest } from "../../../src/validation/countTokensRequest.ts";
import { unabortedSlices } from "../../support/slices.ts";

const plan = (request: object) =>
  planCount({ model: "sonnet", ...request } as CountTokensRequest, {}, unabortedSlices());
const user = (content: unknown) => ({ role: "user", content });

describe("a plan", () => {
  it("joins any number of consecutive user messages, without changing the client's", async () => {
    const messages = Array.from({ length: 100_000 }, (_, index) => user([{ type: "text", text: `${index}` }]));
    const { history, precision } = await plan({ messages });
    expect(precision).toBe("exact");
    expect(history).toHaveLength(1);
    expect(history[0]?.content).toHaveLength(100_000);
    expect(messages[0]?.content).toHaveLength(1);
  });

  it.each([
    [{ type: "auto" }, "sum"],
    [{ type: "auto", disable_parallel_tool_use: false }, "sum"],
    [{ type: "auto", disable_parallel_tool_use: true }, "estimate"],
    [{ type: "none" }, "estimate"],
    [{ type: "any" }, "estimate"],
  ])("of tools with tool_choice %j is one for a count to be called %s", async (tool_choice, precision) => {
    const tools = [{ name: "look", description: "Looks", input_schema: { type: "object" } }];
    expect(await plan({ messages: [user("Hi")], tools, tool_choice })).toMatchObject({ precision });
  });

  it("estimates a tool of hundreds of kilobytes", async () => {
    const input_schema = { type: "object", properties: {}, enum: ["x".repeat(300_000)] };
    const { tools, rest } = await plan({
      messages: [user("Hi")],
      tools: [{ name: "large", description: "Large", input_schema }],
    });
    expect([tools.length, rest.length]).toEqual([0, 1]);
  });
});
