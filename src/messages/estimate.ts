import type { CountTokensRequest } from "../api/countTokensRequest.ts";
import type { CountPlan } from "./countPlan.ts";
import { imageSize } from "./imageSize.ts";

/** The tools that the counter is told of, and those that it is not. */
type CountedTools = Pick<CountPlan, "tools" | "rest">;

/** Tokens of a text by some tokenizer. */
type TextTokens = (text: string) => number;

// biome-ignore lint/suspicious/noExplicitAny: blocks of any type, known or not
type Block = { type?: string; [field: string]: any };

/** What every conversation costs, and each message after its first (measured on recorded answers of the API). */
const CONVERSATION = 7;
const MESSAGE = 4;
/** The instructions that come with the first tool (docs: "Tool use pricing"). */
const TOOLS = 346;
/** One page of a PDF, text and picture (docs: "PDF support": 1,500 to 3,000 for the text alone). */
const PAGE = 2250;
/** An image whose size is not known: the most that most models make of one. */
const UNKNOWN_IMAGE = 1600;

/**
 * From Opus 4.7 on, models have a tokenizer that makes more tokens of the same text; recorded answers had 1.42 times
 * those of the public one, where older models stayed within three in a hundred. Aliases mean the newest.
 */
const NEWER = /^claude-opus-4-[7-9]|^claude-[a-z]+-(?:[5-9]|\d\d)(?:-|$)|^(?!claude-)/;
const NEWER_FACTOR = 1.4;

/** Images keep their size up to this edge and this many tokens, else they are scaled down (docs: "Vision"). */
const SHARP = { edge: 2576, tokens: 4784 };
const PLAIN = { edge: 1568, tokens: 1600 };

/** Tokens of a whole request where the API's counter cannot be asked: a public tokenizer and documented formulas. */
export function estimateRequest(request: CountTokensRequest, textTokens: TextTokens): number {
  const isNewer = NEWER.test(request.model);
  const parts = new Estimate(textTokens, isNewer ? NEWER_FACTOR : 1, isNewer ? SHARP : PLAIN);
  const messages = request.messages.map(({ content }) => parts.content(content));
  const tools = request.tools ?? [];
  return (
    CONVERSATION +
    MESSAGE * (messages.length - 1) +
    sum(messages) +
    parts.content(request.system) +
    (tools.length > 0 ? TOOLS : 0) +
    sum(tools.map((tool) => parts.json(tool))) +
    parts.format(request)
  );
}

/** Tokens of what the API's counter is not told of, on top of what it counted. */
export function estimateRest(request: CountTokensRequest, plan: CountedTools, textTokens: TextTokens): number {
  const parts = new Estimate(textTokens, NEWER.test(request.model) ? NEWER_FACTOR : 1, PLAIN);
  // the counter adds the instructions to the first tool it is told of
  const instructions = plan.tools.length === 0 && plan.rest.length > 0 ? TOOLS : 0;
  return instructions + sum(plan.rest.map((tool) => parts.json(tool))) + parts.format(request);
}

class Estimate {
  readonly #textTokens: TextTokens;
  readonly #factor: number;
  readonly #limit: typeof PLAIN;

  constructor(textTokens: TextTokens, factor: number, limit: typeof PLAIN) {
    this.#textTokens = textTokens;
    this.#factor = factor;
    this.#limit = limit;
  }

  content(content: unknown): number {
    if (typeof content === "string") return this.text(content);
    return Array.isArray(content) ? sum(content.map((block: Block) => this.#block(block))) : 0;
  }

  text(text: string): number {
    return Math.round(this.#textTokens(text) * this.#factor);
  }

  json(value: object): number {
    const { cache_control: _, ...counted } = value as Block;
    return this.text(JSON.stringify(counted));
  }

  /** The schema of a structured output becomes part of the prompt. */
  format({ output_config }: CountTokensRequest): number {
    const format = (output_config as Block | undefined)?.format;
    return format ? this.json(format) : 0;
  }

  #block(block: Block): number {
    switch (block.type) {
      case "text":
        return this.text(String(block.text ?? ""));
      case "image":
        return this.#image(block.source);
      case "document":
        return this.#document(block);
      // earlier turns' thinking is not part of the input
      case "thinking":
      case "redacted_thinking":
        return 0;
      case "tool_result":
        return this.content(block.content) + this.text(String(block.tool_use_id));
      default:
        return this.json(block);
    }
  }

  #image(source: Block | undefined): number {
    const size = source?.type === "base64" ? imageSize(String(source.data)) : undefined;
    return size ? imageTokens(size.width, size.height, this.#limit) : UNKNOWN_IMAGE;
  }

  #document({ source, title, context }: Block): number {
    const told = this.text([title, context].filter((text) => typeof text === "string").join("\n"));
    if (source?.type === "text") return told + this.text(String(source.data));
    if (source?.type === "content") return told + this.content(source.content);
    return told + PAGE * (source?.type === "base64" ? pages(String(source.data)) : 1);
  }
}

/** Width times height by 750, after the API has scaled the image down (docs: "Vision"). */
export function imageTokens(width: number, height: number, limit = PLAIN): number {
  const scale = Math.min(1, limit.edge / Math.max(width, height));
  return Math.min(limit.tokens, Math.ceil((width * scale * height * scale) / 750));
}

/** Pages of a PDF, by the objects that say they are one; compressed ones do not show, hence at least one. */
function pages(base64: string): number {
  const text = Buffer.from(base64, "base64").toString("latin1");
  return Math.max(1, text.match(/\/Type\s*\/Page(?![a-z])/g)?.length ?? 0);
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
