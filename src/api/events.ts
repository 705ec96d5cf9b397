import { isObject } from "./isObject.ts";

/** A server-sent event of the Messages API. Unknown types pass through. */
export interface StreamEvent {
  type: string;
  [field: string]: unknown;
}

/** A `Message` of the API, typed as far as `fold` needs. */
export interface Message {
  content: ContentBlock[];
  usage: Record<string, unknown>;
  [field: string]: unknown;
}

export interface ContentBlock {
  type: string;
  [field: string]: unknown;
}

/** Undefined for anything but an object: upstream's events may lack fields. */
export function fieldsOf(value: unknown): Record<string, unknown> | undefined {
  return isObject(value) ? value : undefined;
}

/**
 * In the last delta or, after a call from code execution, in the first event. Missing in the end that the CLI adds to a
 * broken stream.
 */
export function stopReasonOf(event: StreamEvent): string | undefined {
  const place =
    event.type === "message_delta" ? event.delta : event.type === "message_start" ? event.message : undefined;
  const reason = fieldsOf(place)?.stop_reason;
  return typeof reason === "string" ? reason : undefined;
}
