import { invalidRequest } from "../api/errors.ts";
import type { MessagesRequest } from "./messagesRequest.ts";

/** Throws `ApiError` 400 for fields that a message allows and a batch does not (contract: "Message Batches"). */
export function rejectInBatch(request: MessagesRequest): void {
  if (request.stream) throw invalidRequest("stream: Streaming is not supported in batches");
  if (request.max_tokens === 0) throw invalidRequest("max_tokens: Input should be greater than or equal to 1");
  if (request.speed !== undefined && request.speed !== null) {
    throw invalidRequest("speed: Extra inputs are not permitted");
  }
}
