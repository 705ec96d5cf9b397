import { simple } from "../../test/support/harness.ts";
import { failure } from "../../test/support/replies.ts";
import type { Bench, Case } from "./measure.ts";
import { imageMessage, MB, statusOf } from "./requests.ts";

const { max_tokens: _, ...ASKED } = simple();

const post = (bench: Bench, body: string) => statusOf(bench.post("/v1/messages/count_tokens", body));

const countMessages = (bench: Bench, messages: object[], more = {}) =>
  post(bench, JSON.stringify({ ...ASKED, ...more, messages }));

/** Makes the server estimate a count, by making the API's counter unavailable. */
const estimate = (bench: Bench, content: string) => {
  bench.fakeApi.refuseCount = () => failure(500, "api_error", "The counter is not available.");
  return countMessages(bench, [{ role: "user", content }]);
};

/** Counts of large bodies. */
export const COUNTS: Case[] = [
  {
    name: "countText",
    title: "a count of a text of 31.5 MB",
    run: (bench) => countMessages(bench, [{ role: "user", content: "word ".repeat(6.3 * MB) }]),
  },
  {
    name: "countSystem",
    title: "a count with a system prompt of 31.5 MB",
    run: (bench) => countMessages(bench, [{ role: "user", content: "Go" }], { system: "word ".repeat(6.3 * MB) }),
  },
  {
    name: "countImage",
    title: "a count of an image of 31.5 MB",
    run: (bench) => post(bench, imageMessage(31.5 * MB).replace(/"max_tokens":\d+,/, "")),
  },
  {
    name: "countTools",
    title: "a count of 50,000 tools",
    run(bench) {
      const input_schema = { type: "object", properties: { city: { type: "string", description: "A city" } } };
      const tools = Array.from({ length: 50_000 }, (_, i) => ({
        name: `tool_${i}`,
        description: "Looks",
        input_schema,
      }));
      return countMessages(bench, [{ role: "user", content: "Go" }], { tools });
    },
  },
  {
    name: "countKeys",
    title: "a count of 1.9 million keys in a tool's input",
    run(bench) {
      const keys = Array.from({ length: 190_000 }, (_, i) => `"k${i}":1`).join(",");
      const objects = Array.from({ length: 10 }, (_, i) => `"o${i}":{${keys}}`).join(",");
      const messages = [
        { role: "user", content: "Look" },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_01", name: "look", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_01", content: "Done" }] },
      ];
      return post(bench, JSON.stringify({ ...ASKED, messages }).replace('"input":{}', `"input":{${objects}}`));
    },
  },
  {
    name: "countMessages",
    title: "a count of 100,000 messages",
    run(bench) {
      const messages = Array.from({ length: 100_000 }, (_, i) => ({
        role: i % 2 === 0 ? "user" : "assistant",
        content: [{ type: "text", text: `This is message ${i}` }],
      }));
      return countMessages(bench, [...messages, { role: "user", content: "Go" }]);
    },
  },
  { name: "letters", title: "an estimated count of 400,000 letters", run: (bench) => estimate(bench, "a".repeat(4e5)) },
  {
    name: "blanks",
    title: "an estimated count of 400,000 blanks",
    run: (bench) => estimate(bench, `x${" ".repeat(4e5)}y`),
  },
  {
    name: "breaks",
    title: "an estimated count of 400,000 line breaks",
    run: (bench) => estimate(bench, `x${"\n".repeat(4e5)}y`),
  },
];
