import type { EncodedJson } from "../claude/protocol/encodedJson.ts";
import type { Slices } from "../shared/slices.ts";
import { contentKey } from "./contentKey.ts";
import type { CountPlan, Precision } from "./countPlan.ts";
import type { CountedTool, HistoryMessage } from "./overlayCountSession.ts";

/** Two tools of known cost, by which the cost of a request's tools is measured. */
type Paddings = readonly [CountedTool, CountedTool];

/** What the API's counter is asked about a request. Large parts are JSON as bytes, of type `Encoded`. */
export interface CountQuestion<Encoded = EncodedJson> {
  /** Equal for equal plans only. */
  key: string;
  model: string;
  precision: Precision;
  system: string | Encoded;
  history: readonly HistoryMessage[];
  /** The tools and the second padding; undefined without tools. */
  tools: readonly CountedTool[] | Encoded | undefined;
  paddings: Paddings;
  /** Estimated tokens of what the counter does not get. */
  rest: number;
  hasToolBlocks: boolean;
}

/** The CLI reads messages one by one: 1,000 take 4 to 8 s, 4,000 take 23 s. */
const MAX_MESSAGES = 2000;

/** Leaves `rest` to the caller. Undefined if the conversation is too long for the CLI. */
export async function questionOf(plan: CountPlan, slices: Slices): Promise<CountQuestion<never> | undefined> {
  const { model, precision, system, history, tools } = plan;
  if (history.length > MAX_MESSAGES) return undefined;
  const paddings = paddingsBeside(tools);
  return {
    key: await contentKey(plan, slices),
    model,
    precision,
    system,
    history,
    tools: tools.length > 0 ? [...tools, paddings[1]] : undefined,
    paddings,
    rest: 0,
    hasToolBlocks: history.some(hasToolBlock),
  };
}

export function mapParts<From, To>(question: CountQuestion<From>, map: (part: unknown) => To): CountQuestion<To> {
  const { system, tools, history } = question;
  return {
    ...question,
    system: system === "" ? "" : map(system),
    tools: tools && map(tools),
    history: history.map(({ role, content }) => ({ role, content: map(content) })),
  };
}

/** Avoids the client's tool names, since the CLI drops the second tool of a name. */
function paddingsBeside(tools: readonly CountedTool[]): Paddings {
  const names = new Set(tools.map(({ name }) => name));
  let number = 0;
  const next = () => {
    do number += 1;
    while (names.has(`padding_${number}`));
    return padding(number);
  };
  return [next(), next()];
}

/** Costs more than the CLI subtracts: each letter is a token. */
function padding(number: number): CountedTool {
  const description = "a b c d e f g h i j ".repeat(100);
  return { name: `padding_${number}`, description, inputSchema: { type: "object", properties: {} } };
}

function hasToolBlock({ content }: HistoryMessage): boolean {
  return Array.isArray(content) && content.some(({ type }) => String(type).includes("tool_"));
}
