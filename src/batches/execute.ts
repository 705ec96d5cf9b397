import type { Message } from "../api/events.ts";
import { fold } from "../api/fold.ts";
import type { ApiVersion } from "../api/versionRules.ts";
import type { BodyMemory } from "../messages/bodyMemory.ts";
import type { ReadOptions } from "../messages/readRequest.ts";
import type { Body, RequestReader } from "../messages/requestReader.ts";
import { type Admission, type RunContext, run } from "../messages/run.ts";
import type { BatchRecord } from "./record.ts";

/** What a request of a batch heeds and tells while it is sent. */
export interface SendOptions {
  /** Breaks it off. */
  signal: AbortSignal;
  /** Keeps it back as long as it is not sent. */
  admission: Admission;
  /** Upstream has taken the request: its answer begins. */
  onAccepted(): void;
}

/** Answers one request of a batch. Throws `ApiError`, and the signal's reason when it is aborted. */
export type Execute = (params: Body, batch: BatchRecord, sending: SendOptions) => Promise<Message>;

export interface ExecuteContext extends RunContext {
  reader: RequestReader;
  memory: BodyMemory;
  modelMap: Record<string, string>;
}

/** The way of any message, folded; behind requests that somebody waits for. */
export function executor({ reader, memory, modelMap, ...context }: ExecuteContext): Execute {
  const read = async (params: Body, reading: ReadOptions, signal: AbortSignal) => {
    if ("value" in params) return reader.message(params, reading, { signal });
    const hold = await memory.acquire(params.bytes.length, signal, true);
    try {
      // reading moves the bytes away, and the request may have to be sent again
      return await reader.message({ bytes: params.bytes.slice() }, reading, { signal, hold });
    } catch (error) {
      hold.release();
      throw error;
    }
  };
  return async (params, { api_version, betas }, { signal, admission, onAccepted }) => {
    const { transport } = context.pool;
    const reading = { version: api_version as ApiVersion, betas, modelMap, transport, inBatch: true, isShown: false };
    // until it is sent, nothing is lost by ending it
    const request = await read(params, reading, admission.signal);
    const sent = { ...context, background: true, onHeaders: onAccepted, admission };
    const message = await fold(run(sent, request, signal));
    // a run that is stopped ends early, and what there is of its answer is none
    signal.throwIfAborted();
    return { ...message, usage: { ...message.usage, service_tier: "batch" } };
  };
}
