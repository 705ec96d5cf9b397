import { expect, it } from "vitest";
import { fingerprint } from "../../../src/messages/fingerprint.ts";

const say = (content: unknown) => ({ role: "user", content });
const deep = (depth: number): unknown => (depth === 0 ? "x" : [deep(depth - 1)]);

it("is equal for equal messages, also after serialization", () => {
  const messages = [say("a \ud800"), say([{ type: "text", text: "b", n: 1.5, none: null }])];
  expect(fingerprint(JSON.parse(JSON.stringify(messages)))).toBe(fingerprint(messages));
  expect(fingerprint([say("a \ufffd")])).toBe(fingerprint([say("a \ud800")]));
});

it.each<[string, unknown[], unknown[]]>([
  ["the last message", [say("a"), say("b")], [say("a"), say("c")]],
  ["the first message", [say("a"), say("b")], [say("c"), say("b")]],
  ["their number", [say("a"), say("b")], [say("a"), say("x"), say("b")]],
  ["a text that is longer", [say("a".repeat(5000))], [say("a".repeat(5001))]],
  ["a type", [say("1")], [say(1)]],
  ["a place", [say(["a", "bc"])], [say(["ab", "c"])]],
])("differs with %s", (_name, one, other) => {
  expect(fingerprint(one)).not.toBe(fingerprint(other));
});

it("reads no more of huge messages than of small ones", () => {
  const text = "a".repeat(2000);
  const long = (end: string) => [say([...Array(1000).fill(text), end])];
  expect(fingerprint(long("x"))).toBe(fingerprint(long("y")));
  expect(fingerprint([say(deep(900))])).toMatch(/=$/);
  expect(fingerprint([])).toMatch(/=$/);
});
