import { fieldsOf, type StreamEvent } from "../api/events.ts";

/**
 * Removes from the answer the one token that was requested in place of `max_tokens: 0`. Undefined for dropped events.
 */
export function stripPlaceholderToken(event: StreamEvent): StreamEvent | undefined {
  if (event.type.startsWith("content_block_")) return undefined;
  if (event.type !== "message_delta") return event;
  const delta = fieldsOf(event.delta);
  if (delta?.stop_reason === "refusal") return event;
  return { ...event, delta: { ...delta, stop_reason: "max_tokens", stop_sequence: null } };
}
