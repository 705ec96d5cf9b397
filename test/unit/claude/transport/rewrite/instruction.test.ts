import { describe, expect, it } from "vitest";
import {
  bodyOfRewriteInstruction,
  INSTRUCTION_PREFIX,
  rewriteInstruction,
  SEPARATOR,
} from "../../../../../src/claude/transport/rewrite/instruction.ts";

const plain = { betas: [], isWhole: false };
const partsOf = (instruction: string) => {
  const [head = "", system, fields] = instruction.split(SEPARATOR);
  expect(head.startsWith(INSTRUCTION_PREFIX)).toBe(true);
  return { head: JSON.parse(head.slice(INSTRUCTION_PREFIX.length)), system, fields };
};

describe("rewriteInstruction", () => {
  it("keeps the client's text of every field except those that the CLI sets", () => {
    const body =
      '{\n "model":"x", "max_tokens":1.0 ,"stream":true,"messages":[ {"role":"user","content":"\\ud83d"} ],"\\u0031":{"b":1,"1":2} }';
    expect(partsOf(rewriteInstruction(body, { betas: ["b-1"], isWhole: true }))).toEqual({
      head: { betas: ["b-1"], isWhole: true, lacksMetadata: true },
      system: "",
      fields: '"max_tokens":1.0,"messages":[ {"role":"user","content":"\\ud83d"} ],"\\u0031":{"b":1,"1":2}',
    });
  });

  it.each([
    ['"Be \\u0062rief."', ',{"type":"text","text":"Be \\u0062rief."}'],
    [
      '[ {"type":"text","text":"a"} , {"type":"text","text":"b"}]',
      ', {"type":"text","text":"a"} , {"type":"text","text":"b"}',
    ],
    ["null", ""],
    ['""', ""],
    ["[ ]", ""],
  ])("appends the system prompt %s to other blocks", (system, expected) => {
    expect(partsOf(rewriteInstruction(`{"system":${system},"metadata":{}}`, plain))).toEqual({
      head: { betas: [], isWhole: false, lacksMetadata: false },
      system: expected,
      fields: '"metadata":{}',
    });
  });

  it("sends the last of two fields with the same name, which was validated", () => {
    const { system, fields } = partsOf(
      rewriteInstruction('{"a":1,"system":"x","a":2,"system":"y","model":"m"}', plain),
    );
    expect([system, fields]).toEqual([',{"type":"text","text":"y"}', '"a":2']);
  });

  it("can be turned back into a body", () => {
    const body =
      '{"model":"haiku","system":[{"type":"text","text":"a"}],"max_tokens":12345678901234567890,"messages":[]}';
    const again = bodyOfRewriteInstruction(rewriteInstruction(body, plain), "haiku");
    expect(again).toBe(body);
    expect(bodyOfRewriteInstruction(rewriteInstruction("{}", plain), "opus")).toBe('{"model":"opus"}');
  });
});
