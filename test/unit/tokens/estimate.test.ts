import { describe, expect, it } from "vitest";
import { Slicer } from "../../../src/shared/slices.ts";
import { estimateRequest, MAX_TOKENIZED_CHARACTERS, SAMPLE_INTERVAL } from "../../../src/tokens/estimate.ts";
import { loadTokenizer } from "../../../src/tokens/tokenizer.ts";
import type { CountTokensRequest } from "../../../src/validation/countTokensRequest.ts";
import { unabortedSlices } from "../../support/slices.ts";
import { RECORDED_COUNTS } from "./recordedCounts.ts";

const tokenizer = await loadTokenizer(unabortedSlices());
const request = (messages: object[], rest = {}) =>
  ({ model: "claude-sonnet-4-5", messages, ...rest }) as CountTokensRequest;
const estimate = (body: CountTokensRequest) => estimateRequest(body, tokenizer, unabortedSlices());

/** Counts characters; each costs one token. */
function countingTokenizer() {
  const seen = { characters: 0, longest: 0 };
  const cost = (text: string) => {
    seen.characters += text.length;
    seen.longest = Math.max(seen.longest, text.length);
    return text.length;
  };
  return { seen, cost };
}

describe("an estimate", () => {
  it.each(RECORDED_COUNTS)(
    "of $of is within 5 % or 3 of the $tokens tokens that $source recorded",
    async (recorded) => {
      const off = Math.abs((await estimate(recorded.request)) - recorded.tokens);
      expect(off).toBeLessThanOrEqual(Math.max(3, recorded.tokens * 0.05));
    },
  );

  it("counts thinking since the last question, and earlier thinking only for models that keep it", async () => {
    const thinking = {
      type: "thinking",
      thinking: "The user wants to know the weather, so I call the tool. ".repeat(10),
    };
    const messages = (block: object[]) => [
      { role: "user", content: "Weather?" },
      { role: "assistant", content: [...block, { type: "tool_use", id: "1", name: "weather", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: "Sunny" }] },
    ];
    const later = [
      { role: "assistant", content: "Sunny." },
      { role: "user", content: "Thanks" },
    ];
    const cost = async (rest: object[], model = "claude-sonnet-4-5") =>
      (await estimate(request([...messages([thinking]), ...rest], { model }))) -
      (await estimate(request([...messages([]), ...rest], { model })));
    expect(await cost([])).toBeGreaterThan(100);
    expect(await cost(later)).toBe(0);
    expect(await cost(later, "claude-sonnet-4-6")).toBeGreaterThan(100);
  });

  it("counts hidden thinking by its signature", async () => {
    const cost = (bytes: number) => {
      const signature = "A".repeat((bytes * 4) / 3);
      return estimate(
        request([{ role: "assistant", content: [{ type: "thinking", thinking: "", signature }] }], { model: "sonnet" }),
      );
    };
    expect((await cost(1200)) - (await cost(150))).toBe(200);
  });

  it("counts a PDF by its pages", async () => {
    const data = Buffer.from("/Type /Pages /Type /Page /Type/Page").toString("base64");
    const document = { type: "document", source: { type: "base64", media_type: "application/pdf", data } };
    const [plain, pdf] = [[], [document]].map((content) => estimate(request([{ role: "user", content }])));
    expect((await pdf!) - (await plain!)).toBe(2 * 2000);
  });

  it("counts the API's tools by the tokens they add", async () => {
    const search = { tools: [{ type: "web_search_20250305", name: "web_search" }] };
    const tokens = await estimate(request([{ role: "user", content: "What is the weather in Paris?" }], search));
    expect(Math.abs(tokens - 2220)).toBeLessThan(30);
  });
});

describe("an estimate of a large request", () => {
  const beyond = 1_000_000;

  it.each([
    ["one text", [{ role: "user", content: "a".repeat(MAX_TOKENIZED_CHARACTERS + beyond) }]],
    [
      "many",
      Array.from({ length: 5000 }, () => ({
        role: "user",
        content: "a".repeat((MAX_TOKENIZED_CHARACTERS + beyond) / 5000),
      })),
    ],
  ])("tokenizes samples of what is beyond the bound: %s", async (_name, messages) => {
    const { seen, cost } = countingTokenizer();
    const tokens = await estimateRequest(request(messages), { cost }, unabortedSlices());
    expect(seen.longest).toBeLessThanOrEqual(4096);
    expect(seen.characters).toBeLessThanOrEqual(MAX_TOKENIZED_CHARACTERS + beyond / SAMPLE_INTERVAL + 2 * 4096);
    expect(Math.abs(tokens / (MAX_TOKENIZED_CHARACTERS + beyond) - 1)).toBeLessThan(0.02);
  });

  it("ends when its client disconnects", async () => {
    const gone = new AbortController();
    const { seen, cost } = countingTokenizer();
    const counting = estimateRequest(
      request([{ role: "user", content: "a".repeat(MAX_TOKENIZED_CHARACTERS) }]),
      {
        cost(text) {
          gone.abort();
          for (const end = performance.now() + 11; performance.now() < end; );
          return cost(text);
        },
      },
      new Slicer().begin(gone.signal),
    );
    await expect(counting).rejects.toThrow("aborted");
    expect(seen.characters).toBe(seen.longest);
  });
});
