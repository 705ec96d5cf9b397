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
