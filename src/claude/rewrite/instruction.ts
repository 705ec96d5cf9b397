import { lastOfEach, topLevelFields } from "../../api/topLevel.ts";

/** Begins the text of a prompt that is an instruction, which no client's text does: prompts are written by us alone. */
export const INSTRUCTION_PREFIX = "claude-virtual-api instruction ";
/** Parts the three pieces of an instruction. No JSON text has this character, not even within a string. */
export const SEPARATOR = "\u0001";

/** What the mod has to know besides the client's text. */
export interface InstructionHead {
  /** Betas that the request asks for, besides those that the CLI sends by itself. */
  betas: readonly string[];
  /** Whether the answer is asked for as one JSON instead of a stream. */
  isWhole: boolean;
  /** Whether the CLI's own `metadata` goes up, since the client has none. */
  lacksMetadata: boolean;
}

/** Fields that the CLI's own stand for, or that are put elsewhere. */
const REPLACED = new Set(["model", "stream", "system"]);

/**
 * The text with which the mod is told what to send in place of the CLI's own body: a head, the client's system blocks
 * and its other fields, both as the client wrote them. Of a field that stands twice only the last one goes up, which is
 * the one that was checked.
 */
export function rewriteInstruction(
  body: string,
  { betas, isWhole }: Pick<InstructionHead, "betas" | "isWhole">,
): string {
  const fields = lastOfEach(topLevelFields(body));
  const named = (wanted: string) => fields.find(({ name }) => name === wanted);
  const system = named("system");
  const rest = fields.filter(({ name }) => !REPLACED.has(name));
  const head: InstructionHead = { betas, isWhole, lacksMetadata: named("metadata") === undefined };
  return [
    `${INSTRUCTION_PREFIX}${JSON.stringify(head)}`,
    system ? systemBlocks(body.slice(system.from, system.to)) : "",
    rest.map(({ start, to }) => body.slice(start, to)).join(","),
  ].join(SEPARATOR);
}

const EMPTY = /^(null|""|\[\s*\])$/;

/** The client's blocks as they follow others in a list. */
function systemBlocks(system: string): string {
  if (EMPTY.test(system)) return "";
  return system.startsWith('"') ? `,{"type":"text","text":${system}}` : `,${system.slice(1, -1)}`;
}

/** What the mod of the counter has to know besides the client's text. */
export interface CountInstructionHead {
  /** Betas that the count asks for, besides those that the CLI sends by itself. */
  betas: readonly string[];
}

/**
 * The text with which that mod is told what to have counted: a head, and the client's fields as it wrote them, all but the
 * model, which the CLI resolves.
 */
export function countInstruction(body: string, head: CountInstructionHead): string {
  const fields = lastOfEach(topLevelFields(body)).filter(({ name }) => name !== "model");
  return [
    `${INSTRUCTION_PREFIX}${JSON.stringify(head)}`,
    fields.map(({ start, to }) => body.slice(start, to)).join(","),
  ].join(SEPARATOR);
}

/** The client's body again, with this model: a count that the mod cannot have made is read anew. */
export function bodyOfCountInstruction(instruction: string, model: string): string {
  const [, fields = ""] = instruction.split(SEPARATOR);
  return `{"model":${JSON.stringify(model)},${fields}}`;
}

/** The client's body again, with this model: a request that cannot be rewritten after all is read anew. */
export function bodyOfRewriteInstruction(instruction: string, model: string): string {
  const [, system = "", fields = ""] = instruction.split(SEPARATOR);
  const parts = [`"model":${JSON.stringify(model)}`];
  if (system !== "") parts.push(`"system":[${system.slice(1)}]`);
  if (fields !== "") parts.push(fields);
  return `{${parts.join(",")}}`;
}
