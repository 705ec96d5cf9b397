import { expect } from "vitest";
import { defaultOptions } from "../../src/options.ts";
import type { Recorded } from "../support/fakeApi.ts";
import type { Requested } from "./corpus.ts";
import { jsonOf, nameOf, type Written } from "./written.ts";

/** The CLI's first blocks: its attribution and its name. */
const OWN_BLOCKS =
  /^\{"system":\[\{"type":"text","text":"x-anthropic-billing-header: [^"]*"\},\{"type":"text","text":"You are a Claude agent[^"]*"\}/;
const OWN_METADATA = /^,"metadata":\{"user_id":"\{\\"device_id\\":[^}]*\}"\}/;

/** Fields that are sent first, with the CLI's values. */
const REPLACED = ["model", "stream", "system"];

/**
 * Every difference between a client's text and what our mod sends. The list is closed and documented in
 * `docs/differences.md`; all other text is sent byte for byte.
 */
const REWRITTEN: ((fields: readonly string[]) => readonly string[])[] = [
  function keepsTheLastOfAFieldThatStandsTwice(fields) {
    return fields.filter((field, index) => !fields.slice(index + 1).some((later) => nameOf(later) === nameOf(field)));
  },
  function putsModelStreamAndSystemFirst(fields) {
    return fields.filter((field) => !REPLACED.includes(nameOf(field)));
  },
  function escapesWhatLooksLikeADigest(fields) {
    return fields.map((field) => field.replaceAll("cch=00000", "cch\\u003d00000"));
  },
];

/** Client betas that are not forwarded: this server implements them, or the CLI sends them itself. */
const STAY = /^(files-api|message-batches|token-counting|message-threads|output-300k|prompt-caching)-/;
/** Betas that the CLI sends for every model. */
const OWN_BETAS = ["claude-code-20250219", "effort-2025-11-24"];

/** Expects that this request was sent as its client wrote it. `isWhole`: its answer is requested as one JSON. */
export function expectRewritten(call: Recorded, sent: Written, betas: readonly string[], isWhole = false): void {
  const last = (name: string) => sent.fields.findLast((field) => nameOf(field) === name);
  const own = OWN_BLOCKS.exec(call.raw)?.[0];
  expect(call.raw.slice(0, 400)).toMatch(OWN_BLOCKS);
  const asked = JSON.parse(jsonOf(last("model") ?? '""')).trim() as string;
  expect(call.body.model).toMatch(modelPattern(asked));
  const head = `${blocksOf(last("system"))}],"model":"${call.body.model}","stream":${!isWhole}`;
  const rest = call.raw.slice(own?.length);
  // not the whole text first: showing a difference in megabytes takes minutes
  expect(rest.slice(0, head.length)).toBe(head);
  const metadata = last("metadata") === undefined ? OWN_METADATA.exec(rest.slice(head.length))?.[0] : "";
  expect(metadata).toBeDefined();
  const fields = REWRITTEN.reduce((differing, differ) => differ(differing), sent.fields);
  expectSame(rest.slice(head.length + String(metadata).length), `${fields.map((field) => `,${field}`).join("")}}`);
  expect(new Set(String(call.headers["anthropic-beta"]).split(","))).toEqual(
    new Set([...OWN_BETAS, ...betas.filter((beta) => !STAY.test(beta))]),
  );
}

/** The request that must reach the API, compared by values, not text. */
export function arrivesRewritten({ model, system, stream: _, ...sent }: Requested): object {
  const blocks = typeof system === "string" ? [{ type: "text", text: system }] : (system ?? []);
  return {
    metadata: { user_id: expect.stringContaining("device_id") },
    ...sent,
    model: expect.stringMatching(modelPattern(model)),
    stream: true,
    system: [
      { type: "text", text: expect.stringMatching(/^x-anthropic-billing-header: /) },
      { type: "text", text: expect.stringMatching(/^You are a Claude agent/) },
      ...(system === "" ? [] : blocks),
    ],
  };
}

/** The client's blocks after the CLI's, each as written. */
function blocksOf(system: string | undefined): string {
  const value = system === undefined ? "null" : jsonOf(escapeDigests(system));
  if (/^(null|""|\[\s*\])$/.test(value)) return "";
  return value.startsWith("[") ? `,${value.slice(1, -1)}` : `,{"type":"text","text":${value}}`;
}

const escapeDigests = (field: string) => field.replaceAll("cch=00000", "cch\\u003d00000");

function modelPattern(asked: string): RegExp {
  const wanted = defaultOptions.modelMap[asked] ?? asked;
  return /^claude-/i.test(wanted)
    ? new RegExp(`^${wanted.toLowerCase().replace(/\[1m\]$/, "")}$`)
    : /^claude-[a-z]+-\d/;
}

function expectSame(arrived: string, sent: string): void {
  if (arrived === sent) return;
  let at = 0;
  while (arrived[at] === sent[at]) at += 1;
  const around = (text: string) => text.slice(Math.max(0, at - 100), at + 200);
  expect(around(arrived)).toBe(around(sent));
  expect(arrived.length).toBe(sent.length);
}
