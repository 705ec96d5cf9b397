import type { CountTokensRequest } from "../../../src/validation/countTokensRequest.ts";

/**
 * The API's counts of these requests (`usage.input_tokens`), from public test recordings. The numbers of the
 * estimate were fitted to recordings of other projects, except for pydantic-ai's.
 */
export interface RecordedCount {
  of: string;
  /** The project that recorded it. */
  source: string;
  tokens: number;
  request: CountTokensRequest;
}

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const text = (value: string) => ({ type: "text", text: value });
const toolUse = (id: string, name: string, input: object) => ({ type: "tool_use", id, name, input });
const toolResult = (id: string, content: unknown) => ({ type: "tool_result", tool_use_id: id, content });
const tool = (name: string, description: string | undefined, properties: object, more: object = {}) => ({
  name,
  ...(description !== undefined && { description }),
  input_schema: { type: "object", properties, ...more },
});
const request = (model: string, messages: object[], rest: object = {}) =>
  ({ model, messages, ...rest }) as CountTokensRequest;

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

const city = { city: { type: "string" } };
const LAMINAR_TOOLS = [
  tool("get_weather", "Get the weather in a given city", city),
  tool("get_news", "Get the news in a given city", city),
];
const LAMINAR_QUESTION = user([text("What is the weather in San Francisco? Also, any news in town?")]);

const ANSWER_PROPERTIES = { answer: { type: "integer" }, label: { type: "string" } };
const ANSWER_QUESTION = user('Return a JSON object with answer=2 and label="ok".');
const format = (schema: object) => ({ output_config: { format: { type: "json_schema", schema } } });
const strict = { required: ["answer", "label"], additionalProperties: false };

const PLAIN_TEXTS: RecordedCount[] = [
  ["a fact", 14, "Tell me a brief fact about Paris"],
  ["a sum", 16, "What is 2 + 2?"],
  ["a pangram", 19, "The quick brown fox jumps over the lazydog."],
].map(([of, tokens, content]) => ({
  of: String(of),
  source: "pydantic/pydantic-ai",
  tokens: Number(tokens),
  request: request("claude-sonnet-4-5", [user(content)]),
}));

export const RECORDED_COUNTS: RecordedCount[] = [
  ...PLAIN_TEXTS,
  {
    of: "a system prompt and a long message",
    source: "pydantic/pydantic-ai",
    tokens: 1114,
    request: request(
      "claude-sonnet-4-5",
      [user("Please explain what Python is and its main use cases. ".repeat(100))],
      { system: "You are a helpful assistant." },
    ),
  },
  {
    of: "a sum, by another model",
    source: "braintrustdata/braintrust-sdk-python",
    tokens: 16,
    request: request("claude-sonnet-4-20250514", [user("What is 1 + 2?")]),
  },
  {
    of: "tools",
    source: "lmnr-ai/lmnr-python",
    tokens: 384,
    request: request("claude-3-5-haiku-20241022", [LAMINAR_QUESTION], { tools: LAMINAR_TOOLS }),
  },
  {
    of: "a call of a tool and its result",
    source: "lmnr-ai/lmnr-python",
    tokens: 480,
    request: request(
      "claude-3-5-haiku-20241022",
      [
        LAMINAR_QUESTION,
        assistant([
          text(
            "I'll help you find out the current weather and news in San Francisco right away.\n\n" +
              "First, let's check the weather:",
          ),
          toolUse("toolu_013PeNFAz29br7PgcmGCk2f9", "get_weather", { city: "San Francisco" }),
        ]),
        user([toolResult("toolu_013PeNFAz29br7PgcmGCk2f9", "Sunny as always!")]),
      ],
      { tools: LAMINAR_TOOLS },
    ),
  },
  {
    of: "a forced tool",
    source: "lmnr-ai/lmnr-python",
    tokens: 508,
    request: request(
      "claude-3-5-haiku-20241022",
      [user([text("Alice and Bob are going to a science fair on Friday. Extract the event information.")])],
      {
        tool_choice: { type: "tool", name: "json_tool_call" },
        tools: [
          tool(
            "json_tool_call",
            undefined,
            {
              name: { title: "Name", type: "string" },
              people: { items: { type: "string" }, title: "People", type: "array" },
              dayOfWeek: { title: "Dayofweek", type: "string" },
            },
            { required: ["name", "people", "dayOfWeek"], title: "Event", additionalProperties: false },
          ),
        ],
      },
    ),
  },
  {
    of: "structured output",
    source: "braintrustdata/braintrust-sdk-python",
    tokens: 183,
    request: request(
      "claude-haiku-4-5",
      [ANSWER_QUESTION],
      format({ type: "object", properties: ANSWER_PROPERTIES, ...strict }),
    ),
  },
  {
    of: "structured output beside a tool that must not be used",
    source: "braintrustdata/braintrust-sdk-python",
    tokens: 767,
    request: request("claude-haiku-4-5", [ANSWER_QUESTION], {
      ...format({
        type: "object",
        title: "ParsedAnswer",
        properties: {
          answer: { type: "integer", title: "Answer" },
          label: { type: "string", title: "Label" },
        },
        additionalProperties: false,
        required: ["answer", "label"],
      }),
      system: "Return only the requested structured JSON object.",
      tool_choice: { type: "none" },
      tools: [
        tool(
          "calculator",
          "Evaluate simple arithmetic expressions.",
          { expression: { type: "string" } },
          { required: ["expression"] },
        ),
      ],
    }),
  },
  {
    of: "thinking",
    source: "braintrustdata/braintrust-sdk-python",
    tokens: 54,
    request: request("claude-haiku-4-5-20251001", [user("What is 17 * 23? Think it through, then give the number.")], {
      thinking: { type: "enabled", budget_tokens: 1024 },
    }),
  },
  {
    of: "an image",
    source: "braintrustdata/braintrust-sdk-python",
    tokens: 23,
    request: request("claude-haiku-4-5-20251001", [
      user([
        text("Respond with one word: what color is this image?"),
        { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
      ]),
    ]),
  },
  {
    of: "adaptive thinking of a newer model",
    source: "braintrustdata/braintrust-sdk-python",
    tokens: 25,
    request: request("claude-opus-5", [user("Reply with one short sentence confirming this trace test ran.")], {
      thinking: { type: "adaptive" },
      output_config: { effort: "low" },
    }),
  },
];
