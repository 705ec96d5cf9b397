import { ApiError } from "../api/errors.ts";
import { isObject } from "../api/isObject.ts";
import type { CountRequest } from "../claude/rewrite/exactCount.ts";
import type { OverlayRequest, RewriteRequest } from "../claude/turnRequest.ts";
import type { CountQuestion } from "./countQuestion.ts";
import type { StoredFile } from "./fileSources.ts";
import type { CountReadOptions, Prepared, ReadOptions, RequestFacts } from "./readRequest.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What the thread is asked to read. */
export type Job =
  | { kind: "message"; bytes: Bytes; reading: ReadOptions; files: FilesPermit }
  | { kind: "count"; bytes: Bytes; reading: CountReadOptions; files: FilesPermit }
  | { kind: "estimate"; bytes: Bytes; reading: CountReadOptions; files: FilesPermit }
  | { kind: "element"; bytes: Bytes };

/** Whether memory is held for files. A job that lacks it ends with `FilesNamed`, since the thread must not wait for it. */
export type FilesPermit = "held" | "not held";

/** A job's result when its body names files and no memory is held for them. */
export interface FilesNamed {
  /** The body. */
  named: Bytes;
}

export function isFilesNamed(result: unknown): result is FilesNamed {
  return isObject(result) && "named" in result;
}

/** To the thread: a job, one at a time, and answers to its calls. */
export type ToThread = { job: Job } | { answer: unknown } | { failure: Failure };

/** From the thread: parts of the present job's result, calls for files, and its end. */
export type FromThread =
  | { facts: RequestFacts }
  | { call: "get"; argument: string }
  | { call: "content"; argument: StoredFile }
  | { result: unknown }
  | { failure: Failure };

/** `Prepared`, with what is sent as a JSON string in bytes, and the numbers in it. */
export type PreparedBytes = Pick<Prepared, "key"> & {
  turn:
    | (Omit<OverlayRequest, "body"> & { body: Bytes; numbers: Record<string, unknown> })
    | (Omit<RewriteRequest, "instruction"> & { instruction: Bytes });
};

/**
 * What the thread reads of a count: the instruction for the mod; or the question and the body, which an estimate may need later;
 * or an estimate.
 */
export type CountRead = { model: string } & (
  | { exact: Omit<CountRequest, "instruction"> & { instruction: Bytes } }
  | { question: CountQuestion<Bytes>; body: Bytes }
  | { tokens: number }
);

/** An error as it is passed between threads. */
export interface Failure {
  message: string;
  /** The fields of an `ApiError`. */
  api?: Pick<ApiError, "status" | "type" | "headers" | "details" | "requestId">;
}

export function toFailure(error: unknown): Failure {
  if (!(error instanceof ApiError)) return { message: String((error as Error)?.stack ?? error) };
  const { message, status, type, headers, details, requestId } = error;
  return { message, api: { status, type, headers, details, requestId } };
}

export function toError({ message, api }: Failure): Error {
  if (!api) return new Error(message);
  const { status, type, headers, details, requestId } = api;
  return new ApiError(status, type, message, {
    headers,
    ...(details && { details }),
    ...(requestId !== undefined && { requestId }),
  });
}
