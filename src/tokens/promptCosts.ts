import { type ImageLimit, SHARP_IMAGE_LIMIT, STANDARD_IMAGE_LIMIT } from "./imageSize.ts";
import type { TokenScale } from "./tokenizer.ts";

/** `sequential` is `auto` with `disable_parallel_tool_use`. */
type ByChoice = Record<"auto" | "sequential" | "any" | "tool" | "none", number>;

/** Tokens that a model's prompt has besides the client's text, and the scale for the text. */
export interface PromptCosts {
  text: TokenScale;
  conversation: number;
  turn: number;
  toolPrompt: ByChoice;
  tool: number;
  /** Per turn that calls tools, per call with its result, and per field of a call's input. */
  toolUseTurn: number;
  toolUse: number;
  toolUseField: number;
  /** Tools that the API describes to the model, by prefix of their type. */
  serverTools: Record<string, number>;
  document: number;
  citations: number;
  format: number;
  thinking: number;
  adaptiveThinking: number;
  /** True if the thinking of earlier turns stays in the prompt. */
  keepsThinking: boolean;
  image: number;
  imageLimit: ImageLimit;
}

/*
 * Fitted by least squares to about 1,000 public recordings of the API's answers (of pydantic-ai, rig, genai, mirascope,
 * ruby_llm, crewAI, activeagent, chatlas, ellmer, openllmetry and others). The costs of the tools bash, text editor and
 * computer are documented.
 */

/** Models up to Opus 4.6, Sonnet 4.6 and Haiku 4.5. */
const OLDER_MODEL_COSTS: Omit<PromptCosts, "toolPrompt" | "keepsThinking"> = {
  text: {
    word: [0.98, 0.01],
    capitalized: [1.02, 0],
    mixedCase: [0.94, 0],
    number: [0.18, 0.8],
    mark: [1.14, 0],
    marks: [1.37, 0],
    lineBreak: [1.25, 0],
    blank: [0.97, 0],
    foreign: [1.5, 0],
    partOfCharacter: [1.78, 0],
    mixed: [0.63, 0],
  },
  conversation: 4.4,
  turn: 3,
  tool: 1.7,
  toolUseTurn: 6,
  toolUse: 39.5,
  toolUseField: 12.5,
  serverTools: {
    web_search: 1713,
    web_fetch: 527,
    code_execution: 4140,
    memory: 1070,
    bash: 245,
    text_editor: 700,
    computer: 735,
  },
  document: 34,
  citations: 540,
  format: 118,
  thinking: 30,
  adaptiveThinking: 15.6,
  image: 5.8,
  imageLimit: STANDARD_IMAGE_LIMIT,
};

/** Models from Opus 4.7 on, whose tokenizer yields about 1.4 times as many tokens. */
const NEWER_MODEL_COSTS: typeof OLDER_MODEL_COSTS = {
  text: {
    word: [1.11, 0.24],
    capitalized: [2.65, 0.05],
    mixedCase: [2.08, 0],
    number: [0, 1.66],
    mark: [1.16, 0],
    marks: [0.4, 0.9],
    lineBreak: [1.13, 0],
    blank: [0.4, 0],
    foreign: [2.11, 0],
    partOfCharacter: [1.57, 0],
    mixed: [0.4, 0],
  },
  conversation: 5.4,
  turn: 0.4,
  tool: 1.1,
  toolUseTurn: 7.6,
  toolUse: 27.6,
  toolUseField: 7,
  serverTools: {
    web_search: 2450,
    web_fetch: 785,
    advisor: 780,
    code_execution: 5800,
    memory: 1500,
    bash: 340,
    text_editor: 980,
    computer: 1030,
  },
  document: 42,
  citations: 740,
  format: 129,
  thinking: 0,
  adaptiveThinking: 0,
  image: 4.3,
  imageLimit: SHARP_IMAGE_LIMIT,
};

const NEWER_MODEL = /^claude-opus-4-[7-9]|^claude-[a-z]+-(?:[5-9]|\d\d)(?:-|$)|^(?!claude-|haiku)/;
/** Docs: "Extended thinking", preservation of thinking blocks; recorded for Sonnet 4.6 and Opus 4.7. */
const THINKING_KEEPER = /^claude-(?:opus-4-[56]|sonnet-4-6)/;

/** The first match applies. An alias means the newest model. */
const TOOL_PROMPTS: [RegExp, ByChoice][] = [
  [/^claude-3-opus/, { auto: 525, sequential: 525, any: 281, tool: 281, none: 525 }],
  [/^claude-3-/, { auto: 259, sequential: 259, any: 340, tool: 351, none: 259 }],
  [/^claude-(?:opus|sonnet)-4-(?:[01]|20)/, { auto: 314, sequential: 314, any: 297, tool: 285, none: 314 }],
  [/^claude-opus-4-7/, { auto: 662, sequential: 662, any: 765, tool: 765, none: 640 }],
  [/^claude-opus-4-8/, { auto: 277, sequential: 277, any: 377, tool: 377, none: 245 }],
  [/^(?:claude-)?opus(?:-[5-9]|$)/, { auto: 254, sequential: 254, any: 354, tool: 354, none: 241 }],
  [NEWER_MODEL, { auto: 326, sequential: 326, any: 446, tool: 445, none: 309 }],
  [/(?:)/, { auto: 493, sequential: 273, any: 584, tool: 593, none: 490 }],
];

export function promptCosts(model: string): PromptCosts {
  const isNewer = NEWER_MODEL.test(model);
  const toolPrompt = TOOL_PROMPTS.find(([pattern]) => pattern.test(model))?.[1] as ByChoice;
  return {
    ...(isNewer ? NEWER_MODEL_COSTS : OLDER_MODEL_COSTS),
    toolPrompt,
    keepsThinking: isNewer || THINKING_KEEPER.test(model),
  };
}
