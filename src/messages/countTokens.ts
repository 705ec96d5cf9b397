import { notSignedIn } from "../api/cliErrors.ts";
import type { CountTokensRequest } from "../api/countTokensRequest.ts";
import { ApiError } from "../api/errors.ts";
import { isSignedIn } from "../claude/account.ts";
import { type CountedTool, type CountSession, type HistoryMessage, TOOLS_DISCOUNT } from "../claude/countSession.ts";
import type { Lease, Pool } from "../claude/pool.ts";
import type { Logger } from "../shared/logger.ts";
import { Slicer, type Slices } from "../shared/slices.ts";
import { contentKey } from "./contentKey.ts";
import { type CountPlan, planCount, type Trust } from "./countPlan.ts";
import { estimateRequest, estimateRest } from "./estimate.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface TokenCount {
  tokens: number;
  trust: Trust;
}

/** The tools that make measurable what a request's tools cost; the cost of the second is what is measured. */
type Paddings = [CountedTool, CountedTool];

/** What the parts of a request have in common and a sum must not count twice; by model and the padding's names. */
interface Base {
  /** The one message `foo`, with which the CLI counts tools. */
  foo: number;
  /** The second padding, offered along so that the CLI tells the cost of cheap ones, if it was needed yet. */
  padding?: number;
}

/** Tokens of the text `foo` itself, in every tokenizer of the API's models. */
const FOO = 1;
/** Refusals that are meant for the client; anything else is a counter that cannot be asked just now. */
const REFUSALS = new Set([401, 402, 403, 404, 413]);
const MAX_KNOWN = 500;
/** After this a count is estimated: far above the second that one takes. */
const COUNT_TIMEOUT_MS = 60_000;
/**
 * Messages that the counter is shown, which the CLI takes in one by one: 1,000 take 4 to 8 s, 4,000 take 23 s, and 20,000
 * more than the bound above.
 */
const MAX_MESSAGES = 2000;

/** Counts tokens by the API's own free counter as far as the CLI can be made to ask it, and estimates the rest. */
export class TokenCounter {
  readonly #pool: Pool;
  readonly #modelMap: Record<string, string>;
  readonly #logger: Logger;
  readonly #bases = new Map<string, Base>();
  /** Counts of the last requests, oldest first: clients count the same conversation again and again. */
  readonly #known = new Map<string, number>();
  readonly #slicer = new Slicer();
  /** Loaded once it is needed, since it is large and most counts do without it. */
  #tokenizer: Promise<Tokenizer> | undefined;

  constructor(pool: Pool, modelMap: Record<string, string>, logger: Logger) {
    this.#pool = pool;
    this.#modelMap = modelMap;
    this.#logger = logger;
  }

  /** Makes no call that costs anything. Throws `ApiError` when upstream refuses, or the CLI cannot be started. */
  async count(request: CountTokensRequest, signal: AbortSignal): Promise<TokenCount> {
    const slices = this.#slicer.begin(signal);
    const plan = await planCount(request, this.#modelMap, slices);
    const counted = await this.#counted(plan, signal, slices);
    if (counted !== undefined && plan.trust !== "estimate") return { tokens: counted, trust: plan.trust };
    const tokenizer = await this.#loadTokenizer();
    signal.throwIfAborted();
    const asked = { ...request, model: plan.model };
    const tokens =
      counted === undefined
        ? await estimateRequest(asked, tokenizer, slices)
        : counted + (await estimateRest(asked, plan, tokenizer, slices));
    return { tokens, trust: "estimate" };
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

  async #counted(plan: CountPlan, signal: AbortSignal, slices: Slices): Promise<number | undefined> {
    if (plan.history.length > MAX_MESSAGES) return undefined;
    const key = await contentKey(plan, slices);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const tokens = await this.#ask(plan, signal);
    if (tokens !== undefined) remember(this.#known, key, tokens);
    return tokens;
  }

  /** Undefined when the counter cannot be asked. */
  async #ask(plan: CountPlan, signal: AbortSignal): Promise<number | undefined> {
    const { worker, release } = await this.#leaseSignedIn(plan.system, signal);
    const end = AbortSignal.any([signal, AbortSignal.timeout(COUNT_TIMEOUT_MS)]);
    // without its worker, whatever is waited for fails
    end.addEventListener("abort", () => release(), { once: true });
    try {
      signal.throwIfAborted();
      return await this.#sum(worker.count(), plan);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError) || isMeant(error, plan)) throw error;
      this.#logger.warn(`tokens are estimated: ${error.message}`);
      return undefined;
    } finally {
      release();
    }
  }

  /** Leases a second counter where the first is signed out, since a blank worker may be older than the sign-in. */
  async #leaseSignedIn(system: string, signal: AbortSignal): Promise<Lease> {
    for (let isSecond = false; ; isSecond = true) {
      const lease = await this.#pool.leaseCounter(system, signal);
      const { description } = this.#pool;
      if (!description || isSignedIn(description)) return lease;
      lease.release();
      if (isSecond) throw notSignedIn();
      this.#pool.renew();
    }
  }

  async #sum(session: CountSession, plan: CountPlan): Promise<number> {
    await session.configure(plan.model);
    const hasTools = plan.tools.length > 0;
    const paddings = paddingsBeside(plan.tools);
    const base = plan.system === "" && !hasTools ? undefined : await this.#base(session, plan, paddings);
    if (hasTools) await session.offer([...plan.tools, paddings[1]]);
    for (const message of plan.history) await session.append(message);
    const usage = await session.measure();
    const system = plan.system === "" ? 0 : usage.system - (base?.foo ?? 0) + FOO;
    const tools = hasTools ? usage.tools + TOOLS_DISCOUNT - (base?.foo ?? 0) - (base?.padding ?? 0) : 0;
    return usage.messages + system + tools;
  }

  /** What must not be counted twice. Asked while the conversation is empty, which the CLI counts as `foo`. */
  async #base(session: CountSession, plan: CountPlan, [first, second]: Paddings): Promise<Base> {
    const hasTools = plan.tools.length > 0;
    const key = JSON.stringify([plan.model, first.name, second.name]);
    const known = this.#bases.get(key);
    if (known && (!hasTools || known.padding !== undefined)) return known;
    if (hasTools) await session.offer([first]);
    const alone = await session.measure();
    const base: Base = { foo: alone.messages };
    if (hasTools) {
      await session.offer([first, second]);
      base.padding = (await session.measure()).tools - alone.tools;
    }
    remember(this.#bases, key, base);
    return base;
  }
}

/** Two tools of names that no tool of the client's has, since the CLI drops the second of a name. */
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

/** A tool that costs more than the CLI takes off: single letters are a token each. */
function padding(number: number): CountedTool {
  const description = "a b c d e f g h i j ".repeat(100);
  return { name: `padding_${number}`, description, inputSchema: { type: "object", properties: {} } };
}

/** Whether upstream's refusal is of the client's request and not of the parts that were made of it. */
function isMeant({ status, details }: ApiError, { trust, history }: CountPlan): boolean {
  if (REFUSALS.has(status) || details?.error_code !== undefined) return true;
  return status === 400 && trust === "exact" && !history.some(hasToolBlock);
}

function hasToolBlock({ content }: HistoryMessage): boolean {
  return Array.isArray(content) && content.some(({ type }) => String(type).includes("tool_"));
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_KNOWN && oldest !== undefined) map.delete(oldest);
}
