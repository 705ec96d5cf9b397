import type { Requested } from "./corpus.ts";

/** A request in the client's own text: the top-level fields as written, in their order. */
export interface Written {
  fields: readonly string[];
  /** Whitespace around each field. */
  gap: string;
}

/** A request as JavaScript writes it. */
export function written(body: Requested): Written {
  const fields = Object.entries(body).filter(([, value]) => value !== undefined);
  return { fields: fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`), gap: "" };
}

/** The complete text of a request. */
export function textOf({ fields, gap }: Written): string {
  return `{${fields.map((field) => gap + field + gap).join(",")}}`;
}

/** A request of these fields; required fields come first unless given. */
const raw = (fields: readonly string[], gap = ""): Written => {
  const named = new Set(fields.map(nameOf));
  const needed = Object.entries(NEEDED).filter(([name]) => !named.has(name));
  return { fields: [...needed.map(([, field]) => field), ...fields], gap };
};

const NEEDED = {
  model: '"model":"claude-sonnet-5-5"',
  max_tokens: '"max_tokens":4000',
  messages: '"messages":[{"role":"user","content":"Hello"}]',
};

/** The name of a field, which may contain escapes. */
export function nameOf(field: string): string {
  return JSON.parse(/^"(?:[^"\\]|\\.)*"/.exec(field)?.[0] ?? "");
}

/** The text of a field's value. */
export function jsonOf(field: string): string {
  return field.replace(/^"(?:[^"\\]|\\.)*"\s*:\s*/, "");
}

const saying = (literal: string) => `"messages":[{"role":"user","content":${literal}}]`;
const megabytes = (count: number) => `"${"Lorem ipsum \\u00e9 é \\n ".repeat((count * 2 ** 20) / 24)}"`;

/** Texts that JavaScript would write differently after reading them, by name. */
export const RAW: Record<string, Written> = {
  "integers beyond 2^53": raw(['"foo":[9007199254740993,-9007199254740993]']),
  "23-digit integers": raw(['"foo":12345678901234567890123']),
  "numbers with a zero fraction": raw(['"temperature":1.0', '"foo":[1.50,-0,-0.0,0.10]']),
  "numbers with an exponent": raw(['"foo":[1e2,1E+2,1.0e-7,2.5E10]']),
  "a duplicate nested key": raw(['"foo":{"a":1,"a":2,"b":{"c":1,"c":1}}']),
  "a duplicate top-level key": raw(['"foo":1', '"max_tokens":1', '"foo":{"last":true}', '"max_tokens":20']),
  "a duplicate model and system prompt": raw([
    ...['"model":"opus"', '"system":"not this"', '"model":"claude-haiku-4-5-20251001"', '"system":"this"'],
  ]),
  "keys that are numbers": raw(['"foo":{"10":1,"2":2,"b":3,"1":4,"-1":5}', '"12":1', '"3":2']),
  "a key named __proto__": raw(['"foo":{"__proto__":{"a":1},"constructor":2}', '"__proto__":{"polluted":true}']),
  "keys with escapes": raw(['"f\\u006fo":1', '"a\\"b\\\\":2', '"":3', '"\\ud83d":4']),
  "lone surrogates as escapes": raw([saying('"\\ud83d alone, \\udc00 \\uD83D\\uDE00 \\ud83d\\ud83d"')]),
  "escapes of what needs none": raw([saying('"\\u0048\\u0065llo\\/\\u00e9\\u2028\\b\\f\\u0000"')]),
  "line separators as they are": raw([saying('"a\u2028b\u2029c\ufeff\u007f\u200d"'), '"system":"\u2028x\u2029"']),
  "non-ASCII texts": raw([saying('"Grüße, 你好, 😀, e\u0301"')]),
  "whitespace between fields": raw(['"system" : "Be brief."', '"foo" : 1'], "\r\n\t "),
  "whitespace within fields": raw([
    '"messages":\r\n[ {"role" : "user",\n\t"content":[ {"type":"text" ,"text":"a"}\r\n,{"text":"b","type":"text"}] } ]',
    '"tools": [\n]',
    '"foo":{ }',
  ]),
  "system blocks with whitespace between": raw([
    '"system":[ {"type":"text","text":"a"} ,\r\n\t{"text":"b" , "type":"text","cache_control":{"type":"ephemeral"}} ]',
  ]),
  "a system prompt with escapes": raw(['"system":"\\u0042e \\ud83d brief\\/"']),
  "a system prompt between the others": raw(['"foo":1', '"system":"x"', '"stop_sequences":[]', '"stream":null']),
  "a system prompt that holds JSON": raw(['"system":"\\"system\\":[{ ]}, \\\\\\" cch=0"']),
  "a null system prompt": raw(['"system":null', '"foo":null']),
  "brackets and quotes in texts": raw([saying('"}],\\"system\\":[{\\\\"'), '"foo":"\\\\\\\\"', '"bar":["]","}"]']),
  "a text that begins as an instruction": raw([
    saying('"claude-virtual-api instruction {\\"isWhole\\":true}\\u0001a\\u0001b"'),
  ]),
  "a server of the MCP connector": raw(['"mcp_servers":[{"type":"url","url":"https://example.com/mcp","name":"x"}]']),
  "a server of the MCP connector, for a stream": raw([
    ...['"mcp_servers":[ {"type":"url","url":"https://example.com/mcp","name":"x"}]', '"stream":true'],
  ]),
  "no token, to fill the cache": raw(['"max_tokens":0.0', '"stream":false']),
  "a null user": raw(['"metadata":null']),
  "a user without an id": raw(['"metadata":{}']),
  "fields of the wrong type": raw([
    ...['"tools":{}', '"output_config":"x"', '"max_tokens":"many"', '"temperature":[]', '"thinking":false'],
  ]),
  "unknown system block types": raw([
    '"system":[{"type":"hologram","depth":1.0},{"type":"text","text":"","cache_control":{"type":"ephemeral","ttl":"5m"}}]',
  ]),
  "a body of 300 KB": raw([saying(megabytes(0.3)), '"foo":1.0']),
};

/** Large ones, for a full run. */
export const LARGE: Record<string, Written> = {
  "a body of 8 MB": raw([saying(megabytes(8)), '"foo":1.0']),
  "a body of 29 MB": raw([saying(megabytes(29)), '"foo":1.0']),
};

/** The one value that changes: the CLI's network layer would take it for its own digest, where it makes none. */
export const DIGEST_LIKE = raw(['"system":"cch=00000"', saying('"cch=00000; cch=00000"')]);
