import { ApiError } from "../api/errors.ts";
import { isObject } from "../api/isObject.ts";
import type { OverlayRequest, RewriteRequest } from "../claude/transport/turnRequest.ts";
import type { CountQuestion } from "../tokens/countQuestion.ts";
import type { CountRequest } from "../tokens/exactCountSession.ts";
import type { StoredFile } from "./inlineFiles.ts";
import type { CountReadOptions, Prepared, ReadOptions, RequestFacts } from "./readRequest.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export type Job =
  | { kind: "message"; bytes: Bytes; reading: ReadOptions; files: FilesPermit }
  | { kind: "count"; bytes: Bytes; reading: CountReadOptions; files: FilesPermit }
  | { kind: "estimate"; bytes: Bytes; reading: CountReadOptions; files: FilesPermit }
  | { kind: "element"; bytes: Bytes };

/** Whether memory is held for files. A job without it ends with `NeedsFiles`, since the thread must not wait. */
export type FilesPermit = "held" | "not held";

/** The result of a job whose body names files without memory for them. */
export interface NeedsFiles {
  unreadBody: Bytes;
}

export function needsFiles(result: unknown): result is NeedsFiles {
  return isObject(result) && "unreadBody" in result;
}

/** To the thread: one job at a time, and replies to its calls. */
export type ToThread = { job: Job } | { answer: unknown } | { failure: SerializedError };

export type FromThread =
  | { facts: RequestFacts }
  | { call: "get"; argument: string }
  | { call: "content"; argument: StoredFile }
  | { result: unknown }
  | { failure: SerializedError };

/** `Prepared` with the JSON to send as bytes, and the numbers in it. */
export type PreparedBytes = Pick<Prepared, "key"> & {
  turn:
    | (Omit<OverlayRequest, "body"> & { body: Bytes; numbers: Record<string, unknown> })
    | (Omit<RewriteRequest, "instruction"> & { instruction: Bytes });
};

/** The instruction for the mod; or the question, with the body for a later estimate; or the estimate. */
export type ThreadCountResult = { model: string } & (
  | { exact: Omit<CountRequest, "instruction"> & { instruction: Bytes } }
  | { question: CountQuestion<Bytes>; body: Bytes }
  | { tokens: number }
);

export interface SerializedError {
  message: string;
  api?: Pick<ApiError, "status" | "type" | "headers" | "details" | "descriptor" | "requestId">;
}

export function serializeError(error: unknown): SerializedError {
  if (!(error instanceof ApiError)) return { message: String((error as Error)?.stack ?? error) };
  const { message, status, type, headers, details, descriptor, requestId } = error;
  return { message, api: { status, type, headers, details, descriptor, requestId } };
}

export function deserializeError({ message, api }: SerializedError): Error {
  if (!api) return new Error(message);
  const { status, type, headers, details, descriptor, requestId } = api;
  return new ApiError(status, type, message, {
    headers,
    ...(details && { details }),
    descriptor,
    ...(requestId !== undefined && { requestId }),
  });
}
