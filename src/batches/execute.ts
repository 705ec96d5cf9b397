import type { Message } from "../api/events.ts";
import { fold } from "../api/fold.ts";
import type { BodyMemory } from "../messages/bodyMemory.ts";
import type { ReadOptions } from "../messages/readRequest.ts";
import type { Body, RequestReader } from "../messages/requestReader.ts";
import { type Admission, type RunServices, run } from "../messages/run.ts";
import type { ApiVersion } from "../validation/versionRules.ts";
import type { BatchRecord } from "./record.ts";

interface SendOptions {
  /** Cancels the request, even in flight. */
  signal: AbortSignal;
  /** Can stop the request as long as it is not sent. */
  admission: Admission;
  /** Called when upstream has accepted the request and its response begins. */
  onAccepted(): void;
}

/** Sends one request of a batch. Throws `ApiError`, or the signal's reason on abort. */
export type Execute = (params: Body, batch: BatchRecord, options: SendOptions) => Promise<Message>;

export interface ExecuteServices extends RunServices {
  reader: RequestReader;
  memory: BodyMemory;
}

/** Sends requests the same way as `POST /v1/messages`, but with low priority. */
export function createExecutor(services: ExecuteServices, modelMap: Record<string, string>): Execute {
  const { pool, reader, memory } = services;
  const read = async (params: Body, reading: ReadOptions, signal: AbortSignal) => {
    if ("value" in params) return reader.message(params, reading, { signal });
    const hold = await memory.acquire(params.bytes.length, signal, true);
    try {
      // a copy, because reading transfers the bytes and the request may have to be sent again
      return await reader.message({ bytes: params.bytes.slice() }, reading, { signal, hold });
    } catch (error) {
      hold.release();
      throw error;
    }
  };
  return async (params, { api_version, betas }, { signal, admission, onAccepted }) => {
    const { transport } = pool;
    const reading = { version: api_version as ApiVersion, betas, modelMap, transport, inBatch: true, isShown: false };
    // canceling loses nothing as long as the request is not sent
    const request = await read(params, reading, admission.signal);
    const sending = { signal, background: true, onHeaders: onAccepted, admission };
    const message = await fold(run(services, request, sending));
    // an aborted run ends early with an incomplete message
    signal.throwIfAborted();
    return { ...message, usage: { ...message.usage, service_tier: "batch" } };
  };
}
