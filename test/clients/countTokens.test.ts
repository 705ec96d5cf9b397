import { describe, expect, it } from "vitest";
import { apiCount } from "../support/apiCount.ts";
import { fileStage } from "../support/fileStage.ts";
import { clientOf, MODEL, SDKS } from "./sdks.ts";

const on = fileStage();
const messages = [{ role: "user" as const, content: "How many tokens am I?" }];

describe.each(SDKS)("$name", ({ name, SDK }) => {
  it("counts tokens", async () => {
    const { client } = clientOf(SDK, on);
    const { data, response } = await client.messages.countTokens({ model: MODEL, messages }).withResponse();
    expect(data).toEqual({ input_tokens: apiCount({ messages }) });
    expect(response.headers.get("claude-virtual-api-token-count")).toBe("exact");
    expect(on.standIn.messages).toEqual([]);
  });

  it.runIf(name === "SDK 0.x")("counts tokens with betas", async () => {
    const { client, sent } = clientOf(SDK, on);
    const count = await client.beta.messages.countTokens({
      model: MODEL,
      messages,
      betas: ["token-counting-2024-11-01"],
    });
    expect(sent[0]?.url).toContain("?beta=true");
    expect(count).toEqual({ input_tokens: apiCount({ messages }) });
  });
});
