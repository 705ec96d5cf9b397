import { isObject } from "./isObject.ts";

/** A server-sent event of the Messages API, as it came from upstream; types not known here pass through. */
export interface StreamEvent {
  type: string;
  [field: string]: unknown;
}

/** A `Message` as the API answers it; only what the fold itself touches is named. */
export interface Message {
  content: ContentBlock[];
  usage: Record<string, unknown>;
  [field: string]: unknown;
}

export interface ContentBlock {
  type: string;
  [field: string]: unknown;
}

/** The value's fields, if it has any: upstream's events may lack what they should have. */
export function fieldsOf(value: unknown): Record<string, unknown> | undefined {
  return isObject(value) ? value : undefined;
}

/**
 * The stop reason that an event brings: the API sends it in the last delta or, after a call from code execution, in the
 * first event. The ends that the CLI makes up for a broken stream have none.
 */
export function stopReasonOf(event: StreamEvent): string | undefined {
  const place =
    event.type === "message_delta" ? event.delta : event.type === "message_start" ? event.message : undefined;
  const reason = fieldsOf(place)?.stop_reason;
  return typeof reason === "string" ? reason : undefined;
}
