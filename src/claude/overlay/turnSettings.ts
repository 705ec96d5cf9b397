import type { OverlayRequest } from "../turnRequest.ts";
import { EncodedText } from "./encodedText.ts";

/** The body, of a large one its numbers. */
export function bodyOf({ body }: OverlayRequest): Record<string, unknown> {
  return body instanceof EncodedText ? body.numbers : body;
}

/**
 * The settings of one request. Settings are sticky: a key left out keeps its old value, so every key that is ever set
 * is set each time.
 *
 * - `CLAUDE_CODE_EXTRA_BODY` carries the client's body.
 * - `CLAUDE_CODE_DISABLE_THINKING` keeps the CLI from adding thinking and context edits of its own; the client's
 *   `thinking` travels in the body like any other field. Only while it thinks, the CLI adds no temperature to old models.
 * - `CLAUDE_CODE_EFFORT_LEVEL` keeps it from adding an effort.
 * - `DISABLE_PROMPT_CACHING` takes the CLI's own cache marks away, `CLAUDE_CODE_PROMPT_CACHE_TTL` says what they ask for.
 * - `ANTHROPIC_LOG` has the SDK inside the CLI tell of upstream's headers on stderr. Not from the start, since what the
 *   CLI asks Bedrock then would be told on stdout.
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
 * Keeps further calls of a turn from costing anything where no mod can deny them: with these settings the CLI sends no
 * messages, which the API refuses. They go to the CLI when the call of the turn has been made up.
 */
export const EMPTY_BODY_SETTINGS = { env: { CLAUDE_CODE_EXTRA_BODY: '{"messages":[]}' } };
