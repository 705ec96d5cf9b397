import { invalidRequest } from "../api/errors.ts";
import type { Message } from "../api/events.ts";
import { fold } from "../api/fold.ts";
import { type MessagesRequest, parseMessagesRequest } from "../api/messagesRequest.ts";
import type { ApiVersion } from "../api/versionRules.ts";
import { type Admission, type RunContext, run } from "../messages/run.ts";
import type { BatchRecord } from "./record.ts";

/** What a request of a batch heeds and tells while it is sent. */
export interface Sending {
  /** Breaks it off. */
  signal: AbortSignal;
  /** Keeps it back as long as it is not sent. */
  admission: Admission;
  /** Upstream has taken the request: its answer begins. */
  taken(): void;
}

/** Answers one request of a batch. Throws `ApiError`, and the signal's reason when it is aborted. */
export type Execute = (params: unknown, batch: BatchRecord, sending: Sending) => Promise<Message>;

/** The way of any message, folded; behind requests that somebody waits for. */
export function executor(context: RunContext): Execute {
  return async (params, { api_version, betas }, { signal, admission, taken }) => {
    const request = parseMessagesRequest(params, api_version as ApiVersion);
    refuseOutsideBatches(request);
    const sent = { ...context, background: true, answered: taken, admission };
    const message = await fold(run(sent, request, betas, signal));
    // a run that is stopped ends early, and what there is of its answer is none
    signal.throwIfAborted();
    return { ...message, usage: { ...message.usage, service_tier: "batch" } };
  };
}

/** What a message may ask for but a request of a batch may not (contract: "Message Batches"). */
function refuseOutsideBatches(request: MessagesRequest): void {
  if (request.stream) throw invalidRequest("stream: Streaming is not supported in batches");
  if (request.max_tokens === 0) throw invalidRequest("max_tokens: Input should be greater than or equal to 1");
  if (request.speed !== undefined && request.speed !== null) {
    throw invalidRequest("speed: Extra inputs are not permitted");
  }
}
