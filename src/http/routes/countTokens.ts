import type { Context } from "koa";
import { parseCountTokensRequest } from "../../api/countTokensRequest.ts";
import type { TokenCounter } from "../../messages/countTokens.ts";
import { type FileSource, withFiles } from "../../messages/fileSources.ts";
import { type EndOptions, endSignal } from "../endSignal.ts";
import type { Exchange } from "../exchange.ts";
import type { ApiState } from "../middleware/apiVersion.ts";

export interface CountOptions extends EndOptions {
  /** Where the content of `file_id` blocks comes from. */
  files: FileSource;
}

/** Says in a count's answer how far it can be trusted. */
export const COUNT_HEADER = "claude-virtual-api-token-count";

/** `POST /v1/messages/count_tokens`: parse, count, say how far the count can be trusted. */
export function countTokens(counter: TokenCounter, { files, ...ends }: CountOptions) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, exchange } = context.state as ApiState & { exchange: Exchange };
    const request = parseCountTokensRequest(context.request.body, apiVersion);
    exchange.asked(request.model);
    const whole = await withFiles(request, files);
    const { tokens, trust } = await counter.count(whole, endSignal(context, exchange.closed, ends));
    context.set(COUNT_HEADER, trust);
    context.body = { input_tokens: tokens };
  };
}
