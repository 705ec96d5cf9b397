import { blocksOf } from "../api/blocks.ts";
import { invalidRequest } from "../api/errors.ts";

interface Message {
  role: string;
  content?: unknown;
}

interface Placed {
  id: string;
  message: number;
  block: number;
}

/** Tool blocks of one turn. The API joins consecutive messages of a role into a turn. */
interface Turn {
  role: string;
  uses: Placed[];
  results: Placed[];
}

/**
 * Checks that every `tool_use` has exactly one `tool_result` in the next turn, every `tool_result` its `tool_use`, and
 * that ids are unique within a turn. Throws `ApiError` 400.
 */
export function checkToolPairing(messages: readonly Message[]): void {
  const turns = collectTurns(messages);
  for (const turn of turns) rejectRepeatedUses(turn.uses);
  for (const [index, turn] of turns.entries()) {
    checkResults(turn.results, turns[index - 1]?.uses ?? []);
    checkAnswered(turn.uses, turns[index + 1]?.results ?? []);
  }
}

function collectTurns(messages: readonly Message[]): Turn[] {
  const turns: Turn[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    if (role === "system") continue;
    let turn = turns.at(-1);
    if (turn?.role !== role) {
      turn = { role, uses: [], results: [] };
      turns.push(turn);
    }
    for (const [position, block] of blocksOf(content).entries()) {
      const at = { message: index, block: position };
      if (block?.type === "tool_use") turn.uses.push({ id: block.id, ...at });
      if (block?.type === "tool_result") turn.results.push({ id: block.tool_use_id, ...at });
    }
  }
  return turns;
}

function rejectRepeatedUses(uses: readonly Placed[]): void {
  const seen = new Set<string>();
  for (const { id, message, block } of uses) {
    if (seen.has(id)) throw invalidRequest(`messages.${message}.content.${block}: \`tool_use\` ids must be unique`);
    seen.add(id);
  }
}

function checkResults(results: Placed[], uses: Placed[]): void {
  const asked = new Set(uses.map((use) => use.id));
  const answered = new Set<string>();
  for (const { id, message, block } of results) {
    const place = `messages.${message}.content.${block}`;
    if (!asked.has(id)) {
      throw invalidRequest(
        `${place}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    if (answered.has(id)) {
      throw invalidRequest(
        `${place}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`,
      );
    }
    answered.add(id);
  }
}

function checkAnswered(uses: Placed[], results: Placed[]): void {
  const answered = new Set(results.map((result) => result.id));
  const open = uses.filter((use) => !answered.has(use.id));
  if (open.length === 0) return;
  const ids = open.map((use) => use.id).join(", ");
  throw invalidRequest(
    `messages.${open[0]?.message}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  );
}
