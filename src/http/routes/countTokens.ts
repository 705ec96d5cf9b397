import Router from "@koa/router";
import { originOfCount } from "../../claude/pool/loopDetection.ts";
import type { Pool } from "../../claude/pool/pool.ts";
import type { BodyMemory } from "../../messages/bodyMemory.ts";
import type { RequestReader } from "../../messages/requestReader.ts";
import type { TokenCounter } from "../../tokens/tokenCounter.ts";
import type { ApiState } from "../apiState.ts";
import { readBody } from "../body.ts";
import { throwIfNested } from "../middleware/rejectNested.ts";
import { requestSignal } from "../requestSignal.ts";

export interface CountServices {
  pool: Pool;
  reader: RequestReader;
  memory: BodyMemory;
  counter: TokenCounter;
  closing: AbortSignal;
}

export interface CountOptions {
  modelMap: Record<string, string>;
  requestTimeout: number;
}

/** Response header that states how precise a count is. */
const COUNT_HEADER = "claude-virtual-api-token-count";

export function countRoutes(
  { pool, reader, memory, counter, closing }: CountServices,
  { modelMap, requestTimeout }: CountOptions,
): Router<ApiState> {
  const router = new Router<ApiState>();

  router.post("/v1/messages/count_tokens", async (context) => {
    const { body } = await readBody(context, memory);
    const { apiVersion: version, betas, requestLog } = context.state;
    const signal = requestSignal(context, requestTimeout, closing);
    const { countTransport: transport } = pool;
    const read = await reader.count(body, { version, betas, modelMap, transport }, { signal });
    requestLog.setModel(read.model);
    throwIfNested(pool, context, { origin: originOfCount(context.get("user-agent"), read.exact?.contentDigest) });
    const { tokens, precision } = await counter.count(read, signal);
    context.set(COUNT_HEADER, precision);
    context.body = { input_tokens: tokens };
  });

  return router;
}
