import type { Context } from "koa";
import { originOfCount } from "../../claude/pool/loopDetection.ts";
import type { Pool } from "../../claude/pool/pool.ts";
import type { Body, RequestReader } from "../../messages/requestReader.ts";
import type { TokenCounter } from "../../tokens/countTokens.ts";
import type { ApiState } from "../middleware/apiVersion.ts";
import { throwIfNested } from "../middleware/rejectNested.ts";
import type { RequestLog } from "../requestLog.ts";
import { requestSignal, type SignalOptions } from "../requestSignal.ts";

export interface CountOptions extends SignalOptions {
  pool: Pool;
  reader: RequestReader;
  modelMap: Record<string, string>;
}

/** Response header that states how precise a count is. */
export const COUNT_HEADER = "claude-virtual-api-token-count";

/** `POST /v1/messages/count_tokens`. */
export function countTokens(counter: TokenCounter, { pool, reader, modelMap, ...ends }: CountOptions) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, betas, requestLog, body } = context.state as ApiState & { requestLog: RequestLog; body: Body };
    const signal = requestSignal(context, requestLog.closed, ends);
    const { countTransport: transport } = pool;
    const read = await reader.count(body, { version: apiVersion, betas, modelMap, transport }, { signal });
    requestLog.setModel(read.model);
    throwIfNested(pool, context, { origin: originOfCount(context.get("user-agent"), read.exact?.contentDigest) });
    const { tokens, precision } = await counter.count(read, signal);
    context.set(COUNT_HEADER, precision);
    context.body = { input_tokens: tokens };
  };
}
