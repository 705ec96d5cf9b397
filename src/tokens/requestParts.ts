import { type Block, blocksOf } from "../api/blocks.ts";
import type { CountTokensRequest } from "../validation/countTokensRequest.ts";
import { imageSize, imageTokens } from "./imageSize.ts";
import { pdfPages } from "./pdfPages.ts";
import type { PromptCosts } from "./promptCosts.ts";
import { spacedJson } from "./spacedJson.ts";

export type Part = string | number;

/** An image of unknown size counts as the maximum of most models. */
const UNKNOWN_IMAGE_TOKENS = 1600;
/** One page of a PDF: 1,580 for its picture, as recorded for pages with little text, plus an average page of text. */
const PAGE_TOKENS = 2000;
/** A thinking block's signature: its overhead, and its bytes per token of hidden text (from recordings). */
const SIGNATURE = { bytes: 200, bytesPerToken: 5 };

export function* requestParts(request: CountTokensRequest, costs: PromptCosts): Generator<Part> {
  const parts = new RequestParts(costs);
  yield costs.conversation;
  yield* parts.content(request.system);
  const tools = request.tools ?? [];
  if (tools.length > 0) yield costs.toolPrompt[choiceOf(request)];
  for (const tool of tools) yield* parts.tool(tool);
  yield* parts.options(request);
  yield* parts.messages(request.messages);
}

/** Yields what the API's counter does not get. */
export function* restParts(
  request: CountTokensRequest,
  { tools, rest }: { tools: readonly object[]; rest: readonly object[] },
  costs: PromptCosts,
): Generator<Part> {
  const parts = new RequestParts(costs);
  const all = tools.length + rest.length;
  // the counter adds the tool prompt of `auto` to the first tool it gets
  if (all > 0) yield costs.toolPrompt[choiceOf(request)] - (tools.length > 0 ? costs.toolPrompt.auto : 0);
  for (const tool of rest) yield* parts.tool(tool);
  yield* parts.options(request);
}

function choiceOf({ tool_choice }: CountTokensRequest): keyof PromptCosts["toolPrompt"] {
  const type = tool_choice?.type;
  if (type === "auto" && tool_choice?.disable_parallel_tool_use === true) return "sequential";
  return type === "any" || type === "tool" || type === "none" ? type : "auto";
}

class RequestParts {
  readonly #costs: PromptCosts;

  constructor(costs: PromptCosts) {
    this.#costs = costs;
  }

  *messages(messages: CountTokensRequest["messages"]): Generator<Part> {
    const lastQuestion = messages.findLastIndex(({ role, content }) => role === "user" && !hasToolResult(content));
    let speaker: string | undefined;
    for (const [index, { role, content }] of messages.entries()) {
      yield role !== speaker ? this.#costs.turn : 0;
      speaker = role;
      if (blocksOf(content).some((block) => block?.type === "tool_use")) yield this.#costs.toolUseTurn;
      yield* this.content(content, index > lastQuestion || this.#costs.keepsThinking);
    }
  }

  *content(content: unknown, keepsThinking = false): Generator<Part> {
    if (typeof content === "string") yield content;
    else if (Array.isArray(content)) {
      for (const block of content as Block[]) {
        if (block.type !== "thinking") yield* this.#block(block);
        else if (keepsThinking) yield thinkingPart(block);
      }
    }
  }

  /** The model sees each tool as a line of JSON, and the API's own tools as a text that is not public. */
  *tool(tool: Block): Generator<Part> {
    const { type, name, description, input_schema } = tool;
    const known = Object.entries(this.#costs.serverTools).find(([prefix]) => type?.startsWith(prefix));
    if (known) yield known[1];
    else if (type && type !== "custom") yield* spacedJson({ ...tool, cache_control: undefined });
    else {
      yield this.#costs.tool;
      yield* spacedJson({ description, name, parameters: input_schema });
    }
  }

  *options({ thinking, output_config, ...more }: CountTokensRequest): Generator<Part> {
    if (thinking?.type === "enabled") yield this.#costs.thinking;
    if (thinking?.type === "adaptive") yield this.#costs.adaptiveThinking;
    const format = (output_config as Block | undefined)?.format ?? (more as Block).output_format;
    if (!format) return;
    yield this.#costs.format;
    yield* spacedJson(format.schema ?? format);
  }

  *#block(block: Block): Generator<Part> {
    switch (block.type) {
      case "text":
        return yield String(block.text ?? "");
      case "image":
        return yield this.#image(block.source);
      case "document":
        return yield* this.#document(block);
      case "tool_use":
        return yield* this.#toolUse(block);
      case "tool_result":
        return yield* this.content(block.content);
      case "redacted_thinking":
        return;
      default:
        yield* spacedJson({ ...block, cache_control: undefined });
    }
  }

  *#toolUse({ name, input }: Block): Generator<Part> {
    yield this.#costs.toolUse;
    yield String(name);
    if (typeof input !== "object") return;
    // `Object.entries` takes three times as long for many fields
    for (const field in input) {
      yield this.#costs.toolUseField;
      yield field;
      const value: unknown = input[field];
      if (typeof value === "string") yield value;
      else yield* spacedJson(value);
    }
  }

  #image(source: Block | undefined): number {
    const size = source?.type === "base64" ? imageSize(String(source.data)) : undefined;
    return (
      this.#costs.image + (size ? imageTokens(size.width, size.height, this.#costs.imageLimit) : UNKNOWN_IMAGE_TOKENS)
    );
  }

  *#document({ source, title, context, citations }: Block): Generator<Part> {
    for (const text of [title, context]) if (typeof text === "string") yield text;
    if (citations?.enabled) yield this.#costs.citations;
    if (source?.type === "text") {
      yield this.#costs.document;
      yield String(source.data);
    } else if (source?.type === "content") yield* this.content(source.content);
    else if (source?.type === "base64") for (const pages of pdfPages(String(source.data))) yield pages * PAGE_TOKENS;
    else yield PAGE_TOKENS;
  }
}

function hasToolResult(content: unknown): boolean {
  return blocksOf(content).some((block) => block?.type === "tool_result");
}

/** Newer models return thinking without its text, which is then only in the signature. */
function thinkingPart({ thinking, signature }: Block): Part {
  if (typeof thinking === "string" && thinking !== "") return thinking;
  const bytes = String(signature ?? "").length * 0.75;
  return Math.max(0, bytes - SIGNATURE.bytes) / SIGNATURE.bytesPerToken;
}
