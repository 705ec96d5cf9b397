import { z } from "zod";
import { storedCount, storedTime } from "../storage/jsonFile.ts";

export const OUTCOMES = ["succeeded", "errored", "canceled", "expired"] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Counts = Record<Outcome, number>;

/** A batch as `batch.json` stores it. Times are RFC 3339. */
export interface BatchRecord {
  id: string;
  processing_status: "in_progress" | "canceling" | "ended";
  created_at: string;
  expires_at: string;
  ended_at: string | null;
  cancel_initiated_at: string | null;
  archived_at: string | null;
  total: number;
  /** Valid once the batch has ended. */
  counts: Counts;
  /** Headers of the creating request; they apply to every request of the batch. */
  api_version: string;
  betas: string[];
}

export const storedBatch: z.ZodType<BatchRecord> = z.object({
  id: z.string(),
  processing_status: z.enum(["in_progress", "canceling", "ended"]),
  created_at: storedTime,
  expires_at: storedTime,
  ended_at: storedTime.nullable(),
  cancel_initiated_at: storedTime.nullable(),
  archived_at: storedTime.nullable(),
  total: storedCount,
  counts: z.record(z.enum(OUTCOMES), storedCount),
  api_version: z.string(),
  betas: z.array(z.string()),
});

/** A batch as the API returns it (contract: "Message Batches"). */
export interface MessageBatch {
  id: string;
  type: "message_batch";
  processing_status: BatchRecord["processing_status"];
  request_counts: Counts & { processing: number };
  created_at: string;
  expires_at: string;
  ended_at: string | null;
  cancel_initiated_at: string | null;
  archived_at: string | null;
  results_url: string | null;
}

export const zeroCounts = (): Counts => ({ succeeded: 0, errored: 0, canceled: 0, expired: 0 });

/** `origin` is the server's base URL as the client reaches it, because SDKs fetch `results_url` unchanged. */
export function toMessageBatch(record: BatchRecord, origin: string): MessageBatch {
  const { id, processing_status, created_at, expires_at, ended_at, cancel_initiated_at, archived_at } = record;
  const ended = processing_status === "ended";
  return {
    id,
    type: "message_batch",
    processing_status,
    // the API counts every request as processing until the whole batch has ended
    request_counts: ended ? { processing: 0, ...record.counts } : { processing: record.total, ...zeroCounts() },
    created_at,
    expires_at,
    ended_at,
    cancel_initiated_at,
    archived_at,
    results_url: ended && archived_at === null ? `${origin}/v1/messages/batches/${id}/results` : null,
  };
}
