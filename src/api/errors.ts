import { describe, describeReason, type MessageDescriptor, type MessageValue } from "./messageDescriptors.ts";
import { isOutOfHandles } from "./systemErrors.ts";

/** Anthropic's error types (docs: "API errors"). */
export type ErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "billing_error"
  | "permission_error"
  | "not_found_error"
  | "conflict_error"
  | "request_too_large"
  | "rate_limit_error"
  | "api_error"
  | "timeout_error"
  | "overloaded_error";

export interface ErrorExtras {
  headers?: Record<string, string>;
  /** The envelope's `error.details`. */
  details?: Record<string, unknown>;
  /** For translation. None for the API's own messages. */
  descriptor?: MessageDescriptor | undefined;
  /** Upstream's request id, if upstream failed. */
  requestId?: string;
  /** The underlying failure. Not sent to clients. */
  cause?: unknown;
}

/** An error that is sent to the client in Anthropic's form. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly headers: Record<string, string>;
  readonly details: Record<string, unknown> | undefined;
  readonly descriptor: MessageDescriptor | undefined;
  readonly requestId: string | undefined;

  constructor(status: number, type: string, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = "ApiError";
    this.status = status;
    this.type = type;
    this.headers = extras.headers ?? {};
    this.details = extras.details;
    this.descriptor = extras.descriptor;
    this.requestId = extras.requestId;
  }

  described(): ApiError {
    if (!this.descriptor) return this;
    const { status, type, message, headers, descriptor, requestId } = this;
    const details = { ...this.details, message: descriptor };
    return new ApiError(status, type, message, { headers, details, descriptor, ...(requestId && { requestId }) });
  }

  /** The contract's envelope. Inside an open stream the API leaves out the id. */
  toEnvelope(requestId?: string) {
    return {
      type: "error" as const,
      error: { type: this.type, message: this.message, ...(this.details && { details: this.details }) },
      ...(requestId !== undefined && { request_id: requestId }),
    };
  }
}

/** For a failure that a retry does not cure. SDKs obey this header before their own retry rules. */
export const NO_RETRY = { "x-should-retry": "false" };

export const invalidRequest = (message: string, details?: Record<string, unknown>, descriptor?: MessageDescriptor) =>
  new ApiError(400, "invalid_request_error", message, { ...(details && { details }), descriptor, headers: NO_RETRY });

export const missingKey = () => new ApiError(401, "authentication_error", "x-api-key header is required");

export const wrongKey = () => new ApiError(401, "authentication_error", "invalid x-api-key");

export const notFound = (base?: string) =>
  new ApiError(
    404,
    "not_found_error",
    base === undefined ? "Not Found" : `Not Found. GET ${base}/ lists the endpoints of this server.`,
  );

export const modelNotFound = (model: string) => new ApiError(404, "not_found_error", `model: ${model}`);

export const methodNotAllowed = (allow: string) =>
  new ApiError(405, "invalid_request_error", "Method Not Allowed", { headers: { allow } });

export const requestTooLarge = (limit: string, details?: Record<string, unknown>) =>
  new ApiError(413, "request_too_large", `Request exceeds the maximum size of ${limit}.`, {
    ...(details && { details }),
  });

export const headersTooLarge = () =>
  new ApiError(431, "request_too_large", "The request line and the headers exceed their maximum size of 16 KB.", {
    headers: NO_RETRY,
  });

export const requestStalled = (milliseconds: number) =>
  new ApiError(
    408,
    "timeout_error",
    `The request did not arrive: the client sent too little for ${milliseconds / 1000} s.`,
  );

export const overloaded = (waiting: number) =>
  new ApiError(529, "overloaded_error", `Overloaded: ${waiting} requests are waiting already. Try again in a moment.`, {
    descriptor: describe("overloaded", { waiting }),
    headers: { "retry-after": "2" },
  });

export const requestTimedOut = (milliseconds: number) =>
  new ApiError(504, "timeout_error", `The request exceeded the request timeout of ${milliseconds / 1000} s.`, {
    descriptor: describe("request_timed_out", { seconds: milliseconds / 1000 }),
  });

export const internalError = () =>
  new ApiError(500, "api_error", "Internal server error. See the server log.", {
    descriptor: describe("internal_error", {}),
    headers: NO_RETRY,
  });

export const shuttingDown = () =>
  new ApiError(529, "overloaded_error", "The server is shutting down.", {
    descriptor: describe("server_shutting_down", {}),
  });

export const upstreamUnreachable = (reason: string, code?: string) =>
  new ApiError(500, "api_error", `Claude Code could not reach the API: ${reason}`, {
    details: { error_code: "upstream_unreachable", ...(code !== undefined && { reason: "connection", code }) },
    descriptor: describe("upstream_unreachable", { reason: describeReason(reason) }),
  });

/** Upstream answered with a gateway's page or JSON. Not retried, since the call may have been charged. */
export const notAStream = (contentType: string, requestId?: string) =>
  new ApiError(
    500,
    "api_error",
    `The API answered with '${contentType.slice(0, 100)}' instead of a stream of events. Check ANTHROPIC_BASE_URL and any proxy or gateway in between.`,
    {
      details: { error_code: "upstream_not_a_stream" },
      descriptor: describe("upstream_not_a_stream", { type: contentType.slice(0, 100) }),
      headers: NO_RETRY,
      ...(requestId && { requestId }),
    },
  );

export const upstreamSilent = (seconds: number) =>
  new ApiError(504, "timeout_error", `The API sent nothing for ${seconds} s. Send the request again.`, {
    descriptor: describe("upstream_silent", { seconds }),
  });

export const machineSlept = () =>
  new ApiError(504, "timeout_error", "This machine was asleep while the API answered. Send the request again.", {
    descriptor: describe("upstream_asleep", {}),
  });

export const upstreamTimedOut = (reason: string) =>
  new ApiError(504, "timeout_error", `The API did not answer in time: ${reason}`, {
    descriptor: describe("upstream_timed_out", { reason }),
  });

export const answerInterrupted = (
  reason: string,
  requestId?: string,
  described: MessageValue = describeReason(reason),
) =>
  new ApiError(500, "api_error", `The API's answer broke off: ${reason}`, {
    descriptor: describe("answer_interrupted", { reason: described }),
    ...(requestId && { requestId }),
  });

const DISK_ERROR_MESSAGES: Record<string, string> = {
  ENOSPC: "The disk is full.",
  EDQUOT: "The disk quota is used up.",
  EROFS: "The data directory is on a read-only disk.",
  EACCES: "This user may not write to the data directory.",
};

const DISK_DESCRIPTORS: Record<string, MessageDescriptor> = {
  ENOSPC: describe("disk_full", {}),
  EDQUOT: describe("disk_quota_used_up", {}),
  EROFS: describe("disk_read_only", {}),
  EACCES: describe("disk_write_denied", {}),
};

export const outOfHandles = (cause?: Error) =>
  new ApiError(529, "overloaded_error", "Too many files and connections are open. Try again in a moment.", {
    descriptor: describe("too_many_open_files", {}),
    headers: { "retry-after": "2" },
    cause,
  });

/** For a failed read of stored data. Returns an `ApiError` unchanged. */
export const readFailed = (error: Error) => {
  if (error instanceof ApiError) return error;
  if (isOutOfHandles(error)) return outOfHandles(error);
  return new ApiError(500, "api_error", `The data directory cannot be read: ${error.message}.`, {
    details: { error_code: "storage_failed" },
    descriptor: describe("storage_unreadable", { reason: error.message }),
    headers: NO_RETRY,
    cause: error,
  });
};

/** For a failed write of stored data. Returns an `ApiError` unchanged. */
export const storageFailed = (error: Error & { code?: string }) => {
  if (error instanceof ApiError) return error;
  if (isOutOfHandles(error)) return outOfHandles(error);
  const problem = DISK_ERROR_MESSAGES[error.code ?? ""] ?? `The data directory cannot be written to: ${error.message}.`;
  return new ApiError(500, "api_error", `${problem} Nothing was stored; what was stored before is kept.`, {
    details: { error_code: "storage_failed" },
    descriptor: DISK_DESCRIPTORS[error.code ?? ""] ?? describe("storage_unwritable", { reason: error.message }),
    headers: NO_RETRY,
    cause: error,
  });
};

export const answerNotSerializable = (error: Error) =>
  new ApiError(500, "api_error", `The answer cannot be written as JSON, and is lost: ${error.message}.`, {
    headers: NO_RETRY,
    cause: error,
  });

export const dataDirectoryInUse = (path: string, pid: number | undefined) =>
  new ApiError(
    409,
    "conflict_error",
    `The data directory ${path} is in use by another server (process ${pid ?? "unknown"}). Send the request to that server, or start this one with another data directory.`,
    { descriptor: describe("data_directory_in_use", { path, pid: pid ?? "?" }), headers: NO_RETRY },
  );

export const quotaExceeded = (gigabytes: number) =>
  invalidRequest(
    `The storage quota of ${gigabytes} GB is used up. Delete files or batches, or raise the quota.`,
    { error_code: "storage_quota_exceeded" },
    describe("storage_quota_exceeded", { gigabytes }),
  );

export const fileNotFound = (id: string) => new ApiError(404, "not_found_error", `File \`${id}\` not found.`);

export const fileExpired = (id: string) =>
  new ApiError(404, "not_found_error", `File \`${id}\` has expired.`, {
    details: { error_code: "file_expired" },
    descriptor: describe("file_expired", { id }),
  });

export const fileNotDownloadable = () =>
  invalidRequest("File is not downloadable", { error_code: "file_not_downloadable" });

export const wrongFileKind = (id: string, type: string, block: string, taken: readonly string[]) =>
  invalidRequest(`File \`${id}\` has the type ${type}, but ${block} blocks accept only ${taken.join(", ")}.`);

export const fileTooLarge = (id: string) =>
  invalidRequest(`The files of this request exceed 32 MB with \`${id}\`. Send fewer or smaller files.`);

export const batchNotFound = (id: string) => new ApiError(404, "not_found_error", `Message batch \`${id}\` not found.`);
