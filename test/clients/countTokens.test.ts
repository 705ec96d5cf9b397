import { describe, expect, it } from "vitest";
import { apiCount } from "../support/apiCount.ts";
import { sharedApp } from "../support/sharedApp.ts";
import { clientOf, MODEL, SDKS } from "./sdks.ts";

const app = sharedApp();
const messages = [{ role: "user" as const, content: "How many tokens am I?" }];

describe.each(SDKS)("$name", ({ name, SDK }) => {
  it("counts tokens", async () => {
    const { client } = clientOf(SDK, app);
    const { data, response } = await client.messages.countTokens({ model: MODEL, messages }).withResponse();
    expect(data).toEqual({ input_tokens: apiCount({ messages }) });
    expect(response.headers.get("claude-virtual-api-token-count")).toBe("exact");
    expect(app.fakeApi.messages).toEqual([]);
  });

  it.runIf(name === "SDK 0.x")("counts tokens with betas", async () => {
    const { client, sent } = clientOf(SDK, app);
    const count = await client.beta.messages.countTokens({
      model: MODEL,
      messages,
      betas: ["token-counting-2024-11-01"],
    });
    expect(sent[0]?.url).toContain("?beta=true");
    expect(count).toEqual({ input_tokens: apiCount({ messages }) });
  });
});
