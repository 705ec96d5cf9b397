import { describe, expect, it } from "vitest";
import { checkToolPairing } from "../../../src/validation/toolPairing.ts";

const use = (id: string) => ({ type: "tool_use", id, name: "look", input: {} });
const result = (id: string) => ({ type: "tool_result", tool_use_id: id });
const text = { type: "text", text: "Hm" };
const user = (...content: object[]) => ({ role: "user", content });
const assistant = (...content: object[]) => ({ role: "assistant", content });
const system = { role: "system", content: "Be brief." };
const ask = { role: "user", content: "Look around." };
type Conversation = { role: string; content: unknown }[];

const unanswered = (index: number, ids: string) =>
  `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;
const unexpected = (place: string, id: string) =>
  `messages.${place}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
const repeated = (place: string) => `messages.${place}: \`tool_use\` ids must be unique`;
const doubled = (place: string, id: string) =>
  `messages.${place}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`;

describe("checkToolPairing", () => {
  it.each<[string, Conversation]>([
    ["no tools", [ask, { role: "assistant", content: "Hm" }, ask]],
    ["a call and its result", [ask, assistant(text, use("a")), user(result("a"))]],
    [
      "results in another order, with text around them",
      [ask, assistant(use("a"), use("b")), user(text, result("b"), result("a"), text)],
    ],
    ["several rounds", [ask, assistant(use("a")), user(result("a")), assistant(use("b")), user(result("b"))]],
    [
      "results in several messages of one turn",
      [ask, assistant(use("a"), use("b")), user(result("a")), user(result("b"))],
    ],
    [
      "calls in several messages of one turn",
      [ask, assistant(use("a")), assistant(use("b")), user(result("a"), result("b"))],
    ],
    [
      "the same id in a later turn",
      [ask, assistant(use("a")), user(result("a")), assistant(text, use("a")), user(result("a"))],
    ],
    ["a system message between call and result", [ask, assistant(use("a")), system, user(result("a"))]],
    ["server tools, which need no result", [ask, assistant({ type: "server_tool_use", id: "a" }), ask]],
  ])("accepts %s", (_what, messages) => {
    expect(() => checkToolPairing(messages)).not.toThrow();
  });

  it.each<[string, Conversation, string]>([
    ["a call at the end", [ask, assistant(use("a"))], unanswered(1, "a")],
    ["a call without a result", [ask, assistant(use("a")), user(text)], unanswered(1, "a")],
    [
      "calls without results, all named",
      [ask, assistant(use("a"), use("b"), use("c")), user(result("b"))],
      unanswered(1, "a, c"),
    ],
    [
      "a result that comes a turn late",
      [ask, assistant(use("a")), ask, assistant(text), user(result("a"))],
      unanswered(1, "a"),
    ],
    [
      "a call in the second message of a turn",
      [ask, assistant(use("a")), assistant(use("b")), user(result("a"))],
      unanswered(2, "b"),
    ],
    ["a result without a call", [ask, assistant(text), user(text, result("z"))], unexpected("2.content.1", "z")],
    ["a result at the beginning", [user(result("z"))], unexpected("0.content.0", "z")],
    [
      "a result whose call is further back",
      [ask, assistant(use("a")), user(result("a")), assistant(text), user(result("a"))],
      unexpected("4.content.0", "a"),
    ],
    [
      "two calls with one id in a message",
      [ask, assistant(use("a"), use("a")), user(result("a"))],
      repeated("1.content.1"),
    ],
    [
      "two calls with one id in two messages of a turn",
      [ask, assistant(use("a")), assistant(text, use("a")), user(result("a"))],
      repeated("2.content.1"),
    ],
    [
      "two results for one call",
      [ask, assistant(use("a")), user(result("a"), result("a"))],
      doubled("2.content.1", "a"),
    ],
    [
      "two results for one call in two messages",
      [ask, assistant(use("a")), user(result("a")), user(text, result("a"))],
      doubled("3.content.1", "a"),
    ],
  ])("refuses %s", (_what, messages, message) => {
    expect(() => checkToolPairing(messages)).toThrow(
      expect.objectContaining({ status: 400, type: "invalid_request_error", message }),
    );
  });
});
