import { notSignedIn } from "../api/cliErrors.ts";
import { ApiError } from "../api/errors.ts";
import type { Lease, Pool } from "../claude/pool/pool.ts";
import { PrioritySemaphore } from "../claude/pool/prioritySemaphore.ts";
import { plainKey } from "../claude/pool/workerKey.ts";
import type { EncodedJson } from "../claude/protocol/encodedJson.ts";
import { TransportUnavailable } from "../claude/transport/transport.ts";
import type { Logger } from "../shared/logger.ts";
import type { Precision } from "./countPlan.ts";
import type { CountQuestion } from "./countQuestion.ts";
import { ExactCounter } from "./exactCounter.ts";
import { type CountRequest, CountUnavailable } from "./exactCountSession.ts";
import { OverlayCountSession, TOOLS_DISCOUNT_TOKENS } from "./overlayCountSession.ts";

export interface TokenCount {
  tokens: number;
  precision: Precision;
}

/** A request as its counts need it. */
export interface CountableRequest {
  model: string;
  /** For an exact count; undefined if the count takes the overlay. */
  exact: CountRequest | undefined;
  /** For a count by the overlay; undefined if the request can only be estimated. Rejects with `ApiError`. */
  question(): Promise<CountQuestion | undefined>;
  /** Estimates the whole request. Rejects with `ApiError`. */
  estimate(): Promise<number>;
}

/** Tokens that a sum must not count twice; by model and the paddings' names. */
interface Baseline {
  /** The message `foo`, with which the CLI counts tools and an empty conversation. */
  placeholder: number;
  /** The second padding, without which the CLI reports nothing for cheap tools. Measured on first use. */
  padding?: number;
}

const PLACEHOLDER_TOKEN_COUNT = 1;
/** Refusals that the client gets. On any other the count is estimated. */
const CLIENT_STATUSES = new Set([401, 402, 403, 404, 413]);
const MAX_KNOWN_COUNTS = 500;
/** A count takes about a second. After this it is estimated. */
const COUNT_TIMEOUT_MS = 60_000;
/** Concurrent counts by `overlay`. Each needs its own process, so keep this low. */
const MAX_OVERLAY_COUNTS = 2;

/** Counts with the API's free counter as far as possible, and estimates the rest. */
export class TokenCounter {
  readonly #pool: Pool;
  readonly #logger: Logger;
  readonly #exact: ExactCounter;
  readonly #overlaySlots: PrioritySemaphore;
  readonly #baselines = new Map<string, Baseline>();
  /** Recent counts, oldest first, since clients count the same conversation again and again. */
  readonly #known = new Map<string, number>();

  constructor(pool: Pool, maxQueue: number, logger: Logger) {
    this.#pool = pool;
    this.#logger = logger;
    this.#exact = new ExactCounter(pool.counting, maxQueue);
    this.#overlaySlots = new PrioritySemaphore(MAX_OVERLAY_COUNTS, maxQueue);
  }

  /** Ends the queues. */
  close(): void {
    this.#overlaySlots.close();
    this.#exact.close();
  }

  /** Costs nothing. Throws `ApiError` if upstream refuses or the CLI cannot be started. */
  async count({ exact, question, estimate }: CountableRequest, signal: AbortSignal): Promise<TokenCount> {
    const counted = exact && this.#pool.countTransport === "rewrite" && (await this.#countExactly(exact, signal));
    if (counted === "uncounted") return { tokens: await estimate(), precision: "estimate" };
    if (typeof counted === "number") return { tokens: counted, precision: "exact" };
    const asked = await question();
    const sum = asked && (await this.#countOnce(asked, signal));
    if (asked && sum !== undefined) return { tokens: sum + asked.rest, precision: asked.precision };
    return { tokens: await estimate(), precision: "estimate" };
  }

  /** Undefined if the mod that counts cannot be used. */
  async #countExactly(request: CountRequest, signal: AbortSignal): Promise<number | "uncounted" | undefined> {
    try {
      return await this.#exact.count(request, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TransportUnavailable) return undefined;
      if (error instanceof CountUnavailable) {
        this.#logger.warn(`tokens are estimated: the API's counter could not be asked: ${error.message}`);
        return "uncounted";
      }
      // the sign-in may have changed
      if (error instanceof ApiError && error.status === 401) this.#pool.renew();
      throw error;
    }
  }

  async #countOnce(question: CountQuestion, signal: AbortSignal): Promise<number | undefined> {
    const known = this.#known.get(question.key);
    if (known !== undefined) return known;
    const tokens = await this.#ask(question, signal);
    if (tokens !== undefined) remember(this.#known, question.key, tokens);
    return tokens;
  }

  async #ask(question: CountQuestion, signal: AbortSignal): Promise<number | undefined> {
    const { worker, ...lease } = await this.#leaseSignedIn(question.system, signal);
    const release = () => lease.release();
    // releasing the worker makes the pending calls fail
    signal.addEventListener("abort", release, { once: true });
    const timeout = setTimeout(release, COUNT_TIMEOUT_MS);
    try {
      signal.throwIfAborted();
      return await this.#sum(worker.begin(new OverlayCountSession(worker)), question);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError) || isForClient(error, question)) throw error;
      this.#logger.warn(`tokens are estimated: ${error.message}`);
      return undefined;
    } finally {
      // either would keep the question in memory
      clearTimeout(timeout);
      signal.removeEventListener("abort", release);
      release();
    }
  }

  /** Retries once if signed out, since an idle worker may be older than the sign-in. */
  async #leaseSignedIn(system: string | EncodedJson, signal: AbortSignal): Promise<Lease> {
    for (let isSecond = false; ; isSecond = true) {
      const lease = await this.#lease(system, signal);
      if (this.#pool.counting.isSignedIn()) return lease;
      lease.release();
      if (isSecond) throw notSignedIn();
      this.#pool.renew();
    }
  }

  /** Lends a fresh worker for one count by `overlay`. Throws `ApiError` if the queue is full or no worker starts. */
  async #lease(system: string | EncodedJson, signal: AbortSignal): Promise<Lease> {
    const { counting } = this.#pool;
    const freeSlot = await this.#overlaySlots.acquire(signal);
    try {
      // a count sends no request, so the key needs no betas
      const worker = await counting.prepare({ ...plainKey("overlay"), system });
      const release = () => {
        counting.dismiss(worker);
        freeSlot();
      };
      return { worker, release };
    } catch (error) {
      freeSlot();
      throw error;
    }
  }

  async #sum(session: OverlayCountSession, question: CountQuestion): Promise<number> {
    const { model, system: prompt, history, tools: offered } = question;
    await session.configure(model);
    const baseline = prompt === "" && !offered ? undefined : await this.#baseline(session, question);
    if (offered) await session.offer(offered);
    for (const message of history) await session.append(message);
    const usage = await session.measure();
    const system = prompt === "" ? 0 : usage.system - (baseline?.placeholder ?? 0) + PLACEHOLDER_TOKEN_COUNT;
    const tools = offered
      ? usage.tools + TOOLS_DISCOUNT_TOKENS - (baseline?.placeholder ?? 0) - (baseline?.padding ?? 0)
      : 0;
    return usage.messages + system + tools;
  }

  /** Asks while the conversation is empty, which the CLI counts as `foo`. */
  async #baseline(session: OverlayCountSession, { model, tools, paddings }: CountQuestion): Promise<Baseline> {
    const [first, second] = paddings;
    const hasTools = tools !== undefined;
    const key = JSON.stringify([model, first.name, second.name]);
    const known = this.#baselines.get(key);
    if (known && (!hasTools || known.padding !== undefined)) return known;
    if (hasTools) await session.offer([first]);
    const alone = await session.measure();
    const baseline: Baseline = { placeholder: alone.messages };
    if (hasTools) {
      await session.offer([first, second]);
      baseline.padding = (await session.measure()).tools - alone.tools;
    }
    remember(this.#baselines, key, baseline);
    return baseline;
  }
}

/** True if upstream refused the client's request, not just the parts made of it. */
function isForClient({ status, details }: ApiError, { precision, hasToolBlocks }: CountQuestion): boolean {
  if (CLIENT_STATUSES.has(status) || details?.error_code !== undefined) return true;
  return status === 400 && precision === "exact" && !hasToolBlocks;
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_KNOWN_COUNTS && oldest !== undefined) map.delete(oldest);
}
