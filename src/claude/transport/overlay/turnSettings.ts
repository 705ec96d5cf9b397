import type { OverlayRequest } from "../turnRequest.ts";
import { EncodedText } from "./encodedText.ts";

/** The body, or of a large one its numbers. */
export function bodyOf({ body }: OverlayRequest): Record<string, unknown> {
  return body instanceof EncodedText ? body.numbers : body;
}

/**
 * Settings are sticky, so every key is set every time.
 *
 * - `CLAUDE_CODE_EXTRA_BODY` carries the client's body.
 * - `CLAUDE_CODE_DISABLE_THINKING` keeps the CLI from adding thinking and context edits. With its thinking on, it adds
 *   no temperature for old models.
 * - `CLAUDE_CODE_EFFORT_LEVEL` keeps it from adding an effort.
 * - `DISABLE_PROMPT_CACHING` removes its cache marks; `CLAUDE_CODE_PROMPT_CACHE_TTL` sets their lifetime.
 * - `ANTHROPIC_LOG` logs upstream's headers on stderr. From the start, it would log Bedrock's setup calls on stdout.
 */
export function turnSettings(request: OverlayRequest) {
  return {
    model: request.model,
    env: {
      CLAUDE_CODE_EXTRA_BODY: request.body instanceof EncodedText ? request.body : JSON.stringify(request.body),
      CLAUDE_CODE_DISABLE_THINKING: request.withoutTemperature ? "0" : "1",
      CLAUDE_CODE_EFFORT_LEVEL: "unset",
      DISABLE_PROMPT_CACHING: request.systemCacheTtl ? "" : "1",
      CLAUDE_CODE_PROMPT_CACHE_TTL: request.systemCacheTtl ?? "",
      ANTHROPIC_LOG: "debug",
    },
  };
}

/**
 * Makes further calls free if no mod can deny them: without messages, the API rejects them. Apply once the CLI has
 * built the first call.
 */
export const EMPTY_BODY_SETTINGS = { env: { CLAUDE_CODE_EXTRA_BODY: '{"messages":[]}' } };
