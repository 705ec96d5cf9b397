import { fieldsOf, type StreamEvent } from "../api/events.ts";

/** What is told of an answer that was to have no token; undefined for what is left out. */
export function stripPlaceholderToken(event: StreamEvent): StreamEvent | undefined {
  if (event.type.startsWith("content_block_")) return undefined;
  if (event.type !== "message_delta") return event;
  const delta = fieldsOf(event.delta);
  if (delta?.stop_reason === "refusal") return event;
  return { ...event, delta: { ...delta, stop_reason: "max_tokens", stop_sequence: null } };
}
