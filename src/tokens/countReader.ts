import { mappedModel } from "../shared/mappedModel.ts";
import { Slicer } from "../shared/slices.ts";
import type { CountTokensRequest } from "../validation/countTokensRequest.ts";
import { planCount } from "./countPlan.ts";
import { type CountQuestion, questionOf } from "./countQuestion.ts";
import { estimateRequest, estimateRest } from "./estimate.ts";
import type { Tokenizer } from "./tokenizer.ts";

export class CountReader {
  readonly #slicer = new Slicer();
  /** Loaded on first use: it is large, and most counts do not need it. */
  #tokenizer: Promise<Tokenizer> | undefined;

  /** Undefined if the request can only be estimated. */
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

  async estimate(request: CountTokensRequest, modelMap: Record<string, string>, signal: AbortSignal): Promise<number> {
    const tokenizer = await this.#loadTokenizer();
    signal.throwIfAborted();
    const asked = { ...request, model: mappedModel(request.model, modelMap) };
    return estimateRequest(asked, tokenizer, this.#slicer.begin(signal));
  }

  /** Shared by all requests, so no client's signal ends it. */
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
