import type { Context } from "koa";
import { originOfCount } from "../../claude/nesting.ts";
import type { Pool } from "../../claude/pool.ts";
import type { TokenCounter } from "../../messages/countTokens.ts";
import type { Body, RequestReader } from "../../messages/requestReader.ts";
import { type EndOptions, endSignal } from "../endSignal.ts";
import type { Exchange } from "../exchange.ts";
import type { ApiState } from "../middleware/apiVersion.ts";
import { refuseIfNested } from "../middleware/refuseNested.ts";

export interface CountOptions extends EndOptions {
  pool: Pool;
  reader: RequestReader;
  modelMap: Record<string, string>;
}

/** Says in a count's answer how far it can be trusted. */
export const COUNT_HEADER = "claude-virtual-api-token-count";

/** `POST /v1/messages/count_tokens`: parse, count, say how far the count can be trusted. */
export function countTokens(counter: TokenCounter, { pool, reader, modelMap, ...ends }: CountOptions) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, betas, exchange, body } = context.state as ApiState & { exchange: Exchange; body: Body };
    const signal = endSignal(context, exchange.closed, ends);
    const { countTransport: transport } = pool;
    const read = await reader.count(body, { version: apiVersion, betas, modelMap, transport }, { signal });
    exchange.asked(read.model);
    refuseIfNested(pool, context, { origin: originOfCount(context.get("user-agent"), read.exact?.conversation) });
    const { tokens, precision } = await counter.count(read, signal);
    context.set(COUNT_HEADER, precision);
    context.body = { input_tokens: tokens };
  };
}
