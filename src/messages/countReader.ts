import type { CountTokensRequest } from "../api/countTokensRequest.ts";
import { Slicer } from "../shared/slices.ts";
import { planCount } from "./countPlan.ts";
import { type CountQuestion, questionOf } from "./countQuestion.ts";
import { estimateRequest, estimateRest } from "./estimate.ts";
import { mappedModel } from "./prepare.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Works out in slices what the API's counter is asked about requests, and estimates what it is not asked. */
export class CountReader {
  readonly #slicer = new Slicer();
  /** Loaded once it is needed, since it is large and most counts do without it. */
  #tokenizer: Promise<Tokenizer> | undefined;

  /** Undefined for a request that can only be estimated. */
  async question(
    request: CountTokensRequest,
    modelMap: Record<string, string>,
    signal: AbortSignal,
  ): Promise<CountQuestion<never> | undefined> {
    const slices = this.#slicer.begin(signal);
    const plan = await planCount(request, modelMap, slices);
    const question = await questionOf(plan, slices);
    if (question?.precision !== "estimate") return question;
    const tokenizer = await this.#loadTokenizer();
    signal.throwIfAborted();
    const rest = await estimateRest({ ...request, model: plan.model }, plan, tokenizer, slices);
    return { ...question, rest };
  }

  /** Tokens of the whole request. */
  async estimate(request: CountTokensRequest, modelMap: Record<string, string>, signal: AbortSignal): Promise<number> {
    const tokenizer = await this.#loadTokenizer();
    signal.throwIfAborted();
    const asked = { ...request, model: mappedModel(request.model, modelMap) };
    return estimateRequest(asked, tokenizer, this.#slicer.begin(signal));
  }

  /** Loads it for every request, so that a client that leaves does not end it for others. */
  #loadTokenizer(): Promise<Tokenizer> {
    this.#tokenizer ??= import("./tokenizer.ts")
      .then(({ loadTokenizer }) => loadTokenizer(this.#slicer.begin(new AbortController().signal)))
      .catch((error) => {
        this.#tokenizer = undefined;
        throw error;
      });
    return this.#tokenizer;
  }
}
