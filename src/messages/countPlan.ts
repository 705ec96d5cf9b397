import type { CountTokensRequest } from "../api/countTokensRequest.ts";
import type { CountedTool, HistoryMessage } from "../claude/overlay/countSession.ts";
import type { Slices } from "../shared/slices.ts";
import { imageSize } from "./imageSize.ts";
import { mappedModel, systemText } from "./prepare.ts";

/** How far a count can be trusted: the answer's header says it in this word. */
export type Precision =
  /** The API's own counter counted the request as it is. */
  | "exact"
  /** It counted every part of it, each by a call of its own; the sum is ours. */
  | "sum"
  /** Something in it was not shown to the API's counter as it is, or not at all. */
  | "estimate";

/** What of a request the CLI can show to the API's counter, and how. */
export interface CountPlan {
  model: string;
  system: string;
  history: HistoryMessage[];
  tools: CountedTool[];
  /** Tools that no MCP server can have: the API's own, and those with fields of their own. */
  rest: object[];
  precision: Precision;
}

// biome-ignore lint/suspicious/noExplicitAny: blocks of any type, known or not
type Block = { type?: string; [field: string]: any };

/** Blocks that reach the counter unchanged (pinned in `test/contract/counting.test.ts`). */
const FAITHFUL_BLOCKS = new Set([
  ...["text", "image", "document", "search_result", "tool_use", "tool_result", "thinking", "redacted_thinking"],
  ...["server_tool_use", "web_search_tool_result"],
]);

/** Images up to here keep their size; the CLI scales larger ones down, and what it cannot read becomes a text. */
const MAX_IMAGE = { edge: 1568, characters: 5_000_000 };

/** What the CLI takes for a message without content, and leaves out. */
const EMPTY_MESSAGE_TEXT = "(no content)";

/** Longer descriptions are cut by the CLI. */
const MAX_DESCRIPTION_CHARACTERS = 2000;

/** Characters of a tool that is checked for `STRIPPED_CHARACTER`; a longer one is estimated, since the check takes long. */
const MAX_CHECKED_TOOL_CHARACTERS = 200_000;

/** The CLI merges these into the schema when they are at its top, and says so in the description. */
const SCHEMA_COMBINATORS = ["anyOf", "oneOf", "allOf"];

/** Characters that the CLI takes out of tools, wherever they are; others it replaces by their form in NFKC. */
const STRIPPED_CHARACTER = /[\p{Cf}\p{Co}\p{Cn}]/u;

/** Fields of a tool that have no bearing on its tokens, besides those that are counted. */
const FREE_TOOL_FIELDS = new Set(["name", "description", "input_schema", "type", "cache_control"]);

/** Pauses in between, since a request may have 100,000 messages. */
export async function planCount(
  request: CountTokensRequest,
  modelMap: Record<string, string>,
  slices: Slices,
): Promise<CountPlan> {
  const system = systemText(request.system);
  const { tools, rest } = await sortTools(request.tools ?? [], slices);
  const { history, isFaithful, hasThinking } = await readMessages(request.messages, slices);
  const isShown = isFaithful && rest.length === 0 && !hasUncounted(request, hasThinking);
  const isWhole = system === "" && tools.length === 0;
  return {
    model: mappedModel(request.model, modelMap),
    system,
    history,
    tools,
    rest,
    precision: isShown ? (isWhole ? "exact" : "sum") : "estimate",
  };
}

/** Consecutive messages of the user are one turn to the API; the CLI would join them too, but with a line break. */
async function readMessages(messages: CountTokensRequest["messages"], slices: Slices) {
  const history: HistoryMessage[] = [];
  let isFaithful = true;
  let hasThinking = false;
  for (const message of messages) {
    if (slices.isOver) await slices.pause();
    const { role, content } = message;
    isFaithful &&= isFaithfulMessage(message);
    hasThinking ||= toBlocks(content).some(isThinkingBlock);
    if (content === undefined) continue;
    const last = history.at(-1);
    const own = role === "assistant" ? "assistant" : "user";
    if (own === "user" && last?.role === "user") append(last, toBlocks(content));
    else history.push({ role: own, content: Array.isArray(content) ? [...content] : content });
  }
  return { history, isFaithful, hasThinking };
}

/** In place: a copy per message would take time by the square of their number. */
function append(message: HistoryMessage, blocks: Block[]): void {
  const joined = toBlocks(message.content);
  for (const block of blocks) joined.push(block);
  message.content = joined;
}

function toBlocks(content: unknown): Block[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : ((content ?? []) as Block[]);
}

/** Whether something in the request adds to the input and is not told to the counter. */
function hasUncounted(request: CountTokensRequest, hasThinking: boolean): boolean {
  const { thinking, tools, tool_choice, output_config, mcp_servers, context_management, output_format } =
    request as CountTokensRequest & Record<string, unknown>;
  const thinks = thinking?.type === "enabled" || thinking?.type === "adaptive";
  // the CLI asks with thinking exactly if there is some in the conversation
  if (thinks !== hasThinking) return true;
  if (tool_choice?.type === "any" || tool_choice?.type === "tool") return true;
  // each choice has instructions of another length, and the counter adds those of `auto`
  const isAuto = !tool_choice || (tool_choice.type === "auto" && tool_choice.disable_parallel_tool_use !== true);
  if (!isAuto && (tools?.length ?? 0) > 0) return true;
  if (Object.keys(output_config ?? {}).some((field) => field !== "effort")) return true;
  return [mcp_servers, context_management, output_format].some((field) => field !== undefined && field !== null);
}

function isThinkingBlock({ type }: Block): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function isFaithfulMessage({ role, content }: CountTokensRequest["messages"][number]): boolean {
  return role !== "system" && toBlocks(content).length > 0 && toBlocks(content).every(isFaithfulBlock);
}

function isFaithfulBlock(block: Block): boolean {
  if (!FAITHFUL_BLOCKS.has(block.type ?? "")) return false;
  if (block.type === "text") return block.text.trim() !== "" && block.text.trim() !== EMPTY_MESSAGE_TEXT;
  if (block.type === "image" && block.source?.type === "base64") return isSmallImage(String(block.source.data));
  // the CLI takes tool references out of a result
  if (block.type !== "tool_result" || !Array.isArray(block.content)) return true;
  return block.content.every((part: Block) => ["text", "image", "document", "search_result"].includes(part.type ?? ""));
}

function isSmallImage(base64: string): boolean {
  const size = base64.length <= MAX_IMAGE.characters ? imageSize(base64) : undefined;
  return size !== undefined && Math.max(size.width, size.height) <= MAX_IMAGE.edge;
}

async function sortTools(tools: readonly Block[], slices: Slices): Promise<Pick<CountPlan, "tools" | "rest">> {
  const names = new Set<unknown>();
  const sorted: Pick<CountPlan, "tools" | "rest"> = { tools: [], rest: [] };
  for (const tool of tools) {
    if (slices.isOver) await slices.pause();
    const { name, description, input_schema } = tool;
    if (isPlain(tool) && !names.has(name)) sorted.tools.push({ name, description, inputSchema: input_schema });
    else sorted.rest.push(tool);
    names.add(name);
  }
  return sorted;
}

function isPlain(tool: Block): boolean {
  const { name, description, input_schema, type } = tool;
  return (
    (type === undefined || type === null || type === "custom") &&
    /^[a-zA-Z0-9_-]{1,64}$/.test(String(name)) &&
    typeof description === "string" &&
    description !== "" &&
    description.length <= MAX_DESCRIPTION_CHARACTERS &&
    input_schema?.type === "object" &&
    !SCHEMA_COMBINATORS.some((field) => field in input_schema) &&
    Object.keys(tool).every((field) => FREE_TOOL_FIELDS.has(field)) &&
    keepsItsText(tool)
  );
}

function keepsItsText(tool: Block): boolean {
  const text = JSON.stringify(tool);
  return (
    text.length <= MAX_CHECKED_TOOL_CHARACTERS && text === text.normalize("NFKC") && !STRIPPED_CHARACTER.test(text)
  );
}
