import { ApiError } from "../api/errors.ts";
import type { StreamEvent } from "../api/events.ts";
import { rewriteInstruction } from "../claude/transport/rewrite/instruction.ts";
import type { TransportName } from "../claude/transport/transport.ts";
import type { TurnRequest } from "../claude/transport/turnRequest.ts";
import { TurnSession } from "../claude/turnSession.ts";
import type { Worker } from "../claude/worker.ts";
import type { Answer, Call, FakeApi } from "./fakeApi.ts";

export interface Outcome {
  calls: Call[];
  events: StreamEvent[];
  error: ApiError | undefined;
}

/** Set for the worker (overlay) or sent with each request (rewrite). */
export const CHECK_SYSTEM_PROMPT = "You are being checked.";

export class CheckRunner {
  readonly #worker: Worker;
  readonly #api: FakeApi;
  readonly #model: string;
  /** True under an organization's guard, with which the CLI may repeat a refused call. */
  readonly isGuarded: boolean;

  constructor(worker: Worker, api: FakeApi, model: string, isGuarded: boolean) {
    this.isGuarded = isGuarded;
    this.#worker = worker;
    this.#api = api;
    this.#model = model;
  }

  get transport(): TransportName {
    return this.#worker.transport.name;
  }

  /** Sends a request, and waits until the CLI has done everything that follows it. */
  ask(body: object, answer: Answer): Promise<Outcome> {
    return this.#run(body, answer);
  }

  /** Sends a request that must be answered completely, by one call. */
  async askOnce(body: object, events: readonly StreamEvent[]): Promise<{ body: Call["body"]; events: StreamEvent[] }> {
    const outcome = await this.ask(body, { events });
    if (outcome.error) throw outcome.error;
    const [call, ...more] = outcome.calls;
    if (!call || more.length > 0) throw new Error(`Claude Code called the API ${outcome.calls.length} times`);
    return { body: call.body, events: outcome.events };
  }

  async askAndStop(body: object, answer: Answer): Promise<Call> {
    const stop = new AbortController();
    const { calls } = await this.#run(body, answer, stop);
    const [call] = calls;
    if (!call) throw new Error("Claude Code did not call the API");
    return call;
  }

  #turnOf(body: object): TurnRequest {
    const model = this.#model;
    if (this.#worker.transport.name === "rewrite") {
      const text = JSON.stringify({ ...body, system: CHECK_SYSTEM_PROMPT });
      return { transport: "rewrite", model, instruction: rewriteInstruction(text, { betas: [], isWhole: false }) };
    }
    return { transport: "overlay", model, body: { ...body }, systemCacheTtl: undefined, withoutTemperature: false };
  }

  async #run(body: object, answer: Answer, stop?: AbortController): Promise<Outcome> {
    const { signal } = stop ?? new AbortController();
    const { calls } = this.#api;
    calls.length = 0;
    this.#api.answer = answer;
    const events: StreamEvent[] = [];
    let error: ApiError | undefined;
    try {
      const turn = this.#worker.begin(new TurnSession(this.#worker, this.#turnOf(body), !stop));
      for await (const batch of turn.run(signal)) {
        events.push(...batch);
        stop?.abort();
      }
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      error = failure;
    }
    await this.#worker.settle();
    if (!this.#worker.alive) throw new Error("Claude Code ended");
    return { calls: [...calls], events, error };
  }
}
