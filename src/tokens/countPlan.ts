import type { Block } from "../api/blocks.ts";
import { systemText } from "../claude/transport/overlay/systemText.ts";
import { mappedModel } from "../shared/mappedModel.ts";
import type { Slices } from "../shared/slices.ts";
import type { CountTokensRequest } from "../validation/countTokensRequest.ts";
import { imageSize } from "./imageSize.ts";
import type { CountedTool, HistoryMessage } from "./overlayCountSession.ts";

/** How precise a count is; sent as the answer's header. */
export type Precision =
  /** The API's counter counted the whole request. */
  | "exact"
  /** The API's counter counted every part; the sum is ours. */
  | "sum"
  /** The API's counter got some part changed, or not at all. */
  | "estimate";

/** The parts of a request that the CLI can pass to the API's counter. */
export interface CountPlan {
  model: string;
  system: string;
  history: HistoryMessage[];
  tools: CountedTool[];
  /** Tools that an MCP server cannot offer: the API's own, and those with extra fields. */
  rest: object[];
  precision: Precision;
}

/** Blocks that reach the counter unchanged (shown in `test/contract/counting.test.ts`). */
const FAITHFUL_BLOCKS = new Set([
  ...["text", "image", "document", "search_result", "tool_use", "tool_result", "thinking", "redacted_thinking"],
  ...["server_tool_use", "web_search_tool_result"],
]);

/** The CLI scales larger images down, and replaces unreadable ones by text. */
const MAX_IMAGE = { edge: 1568, characters: 5_000_000 };

/** The CLI drops a message with this text. */
const EMPTY_MESSAGE_TEXT = "(no content)";

/** The CLI cuts longer descriptions. */
const MAX_DESCRIPTION_CHARACTERS = 2000;

/** Longer tools are estimated, since checking them takes too long. */
const MAX_CHECKED_TOOL_CHARACTERS = 200_000;

/** The CLI merges these at the top of a schema, and changes the description. */
const SCHEMA_COMBINATORS = ["anyOf", "oneOf", "allOf"];

/** The CLI removes these characters from tools, and normalizes the others to NFKC. */
const STRIPPED_CHARACTER = /[\p{Cf}\p{Co}\p{Cn}]/u;

const FREE_TOOL_FIELDS = new Set(["name", "description", "input_schema", "type", "cache_control"]);

/** Yields to the event loop, since a request may have 100,000 messages. */
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

/** Joins consecutive user messages like the API, without the CLI's line break. */
async function readMessages(messages: CountTokensRequest["messages"], slices: Slices) {
  const history: HistoryMessage[] = [];
  let isFaithful = true;
  let hasThinking = false;
  for (const message of messages) {
    if (slices.isPauseDue) await slices.pause();
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

/** Appends in place, since copying for each message would take quadratic time. */
function append(message: HistoryMessage, blocks: Block[]): void {
  const joined = toBlocks(message.content);
  for (const block of blocks) joined.push(block);
  message.content = joined;
}

function toBlocks(content: unknown): Block[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : ((content ?? []) as Block[]);
}

/** True if a field adds to the input, but the counter does not get it. */
function hasUncounted(request: CountTokensRequest, hasThinking: boolean): boolean {
  const { thinking, tools, tool_choice, output_config, mcp_servers, context_management, output_format } =
    request as CountTokensRequest & Record<string, unknown>;
  const thinks = thinking?.type === "enabled" || thinking?.type === "adaptive";
  // the CLI enables thinking exactly if the conversation has thinking blocks
  if (thinks !== hasThinking) return true;
  if (tool_choice?.type === "any" || tool_choice?.type === "tool") return true;
  // each choice adds instructions of another length, and the counter assumes `auto`
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
  // the CLI removes tool references from a result
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
    if (slices.isPauseDue) await slices.pause();
    const { name, description, input_schema } = tool;
    if (isOrdinary(tool) && !names.has(name)) sorted.tools.push({ name, description, inputSchema: input_schema });
    else sorted.rest.push(tool);
    names.add(name);
  }
  return sorted;
}

function isOrdinary(tool: Block): boolean {
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
    isUnchangedByCli(tool)
  );
}

function isUnchangedByCli(tool: Block): boolean {
  const text = JSON.stringify(tool);
  return (
    text.length <= MAX_CHECKED_TOOL_CHARACTERS && text === text.normalize("NFKC") && !STRIPPED_CHARACTER.test(text)
  );
}
