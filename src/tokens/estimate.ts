import type { Slices } from "../shared/slices.ts";
import type { CountTokensRequest } from "../validation/countTokensRequest.ts";
import type { CountPlan } from "./countPlan.ts";
import { promptCosts } from "./promptCosts.ts";
import { type Part, requestParts, restParts } from "./requestParts.ts";
import type { Tokenizer, TokenScale } from "./tokenizer.ts";

const WINDOW_CHARACTERS = 2048;
/** Beyond this, only one window in `SAMPLE_INTERVAL` is tokenized. */
export const MAX_TOKENIZED_CHARACTERS = 500_000;
export const SAMPLE_INTERVAL = 16;

export type TextCost = Pick<Tokenizer, "cost">;

/** Estimates a whole request with a public tokenizer, fitted to recorded counts. */
export function estimateRequest(request: CountTokensRequest, tokenizer: TextCost, slices: Slices): Promise<number> {
  const costs = promptCosts(request.model);
  return total(requestParts(request, costs), new TextEstimate(tokenizer, costs.text), slices);
}

/** Estimates what the API's counter does not get, in addition to what it counted. */
export function estimateRest(
  request: CountTokensRequest,
  plan: Pick<CountPlan, "tools" | "rest">,
  tokenizer: TextCost,
  slices: Slices,
): Promise<number> {
  const costs = promptCosts(request.model);
  return total(restParts(request, plan, costs), new TextEstimate(tokenizer, costs.text), slices);
}

async function total(parts: Iterable<Part>, text: TextEstimate, slices: Slices): Promise<number> {
  let tokens = 0;
  for (const part of parts) {
    if (slices.isPauseDue) await slices.pause();
    if (typeof part === "number") {
      tokens += part;
      continue;
    }
    for (let at = 0; at < part.length; at += WINDOW_CHARACTERS) {
      if (slices.isPauseDue) await slices.pause();
      tokens += text.tokens(part.slice(at, at + WINDOW_CHARACTERS));
    }
  }
  return Math.round(tokens);
}

class TextEstimate {
  readonly #tokenizer: TextCost;
  readonly #scale: TokenScale;
  #windows = 0;
  #characters = 0;
  #density = 0;

  constructor(tokenizer: TextCost, scale: TokenScale) {
    this.#tokenizer = tokenizer;
    this.#scale = scale;
  }

  tokens(window: string): number {
    this.#windows += 1;
    this.#characters += window.length;
    if (this.#characters > MAX_TOKENIZED_CHARACTERS && this.#windows % SAMPLE_INTERVAL !== 0)
      return window.length * this.#density;
    const tokens = this.#tokenizer.cost(window, this.#scale);
    this.#density = tokens / window.length;
    return tokens;
  }
}
