import { lastOfEach, topLevelFields } from "../../../api/jsonFields.ts";

/** Marks a prompt as an instruction. Only this program writes prompts. */
export const INSTRUCTION_PREFIX = "claude-virtual-api instruction ";
/** Cannot occur in JSON, not even inside a string. */
export const SEPARATOR = "\u0001";

export interface InstructionHead {
  betas: readonly string[];
  /** Whether to request one JSON instead of a stream. */
  isWhole: boolean;
  /** Whether to send the CLI's `metadata`, because the client sent none. */
  lacksMetadata: boolean;
}

/** Fields that the CLI sets, or that are sent elsewhere. */
const REPLACED = new Set(["model", "stream", "system"]);

/**
 * Builds an instruction: a head, the client's system blocks and its other fields, byte for byte. Of duplicate fields,
 * the last is sent, which was validated.
 */
export function rewriteInstruction(
  body: string,
  { betas, isWhole }: Pick<InstructionHead, "betas" | "isWhole">,
): string {
  const fields = lastOfEach(topLevelFields(body));
  const named = (fieldName: string) => fields.find(({ name }) => name === fieldName);
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

/** The client's blocks, to append to a non-empty list. */
function systemBlocks(system: string): string {
  if (EMPTY.test(system)) return "";
  return system.startsWith('"') ? `,{"type":"text","text":${system}}` : `,${system.slice(1, -1)}`;
}

export interface CountInstructionHead {
  betas: readonly string[];
}

/** Builds an instruction to count: a head, and the client's fields byte for byte, without the model. */
export function countInstruction(body: string, head: CountInstructionHead): string {
  const fields = lastOfEach(topLevelFields(body)).filter(({ name }) => name !== "model");
  return [
    `${INSTRUCTION_PREFIX}${JSON.stringify(head)}`,
    fields.map(({ start, to }) => body.slice(start, to)).join(","),
  ].join(SEPARATOR);
}

/** Rebuilds the client's body, to count it another way. */
export function bodyOfCountInstruction(instruction: string, model: string): string {
  const [, fields = ""] = instruction.split(SEPARATOR);
  return `{"model":${JSON.stringify(model)},${fields}}`;
}

/** Rebuilds the client's body, for the other transport. */
export function bodyOfRewriteInstruction(instruction: string, model: string): string {
  const [, system = "", fields = ""] = instruction.split(SEPARATOR);
  const parts = [`"model":${JSON.stringify(model)}`];
  if (system !== "") parts.push(`"system":[${system.slice(1)}]`);
  if (fields !== "") parts.push(fields);
  return `{${parts.join(",")}}`;
}
