import { describe, expect, it } from "vitest";
import * as errors from "../../../src/api/errors.ts";

const { ApiError, NO_RETRY, ...factories } = errors;

type Row = [made: errors.ApiError, status: number, type: errors.ErrorType, message: string, headers?: object];

/** Every factory with the error that clients get. */
const TABLE: Record<keyof typeof factories, Row> = {
  invalidRequest: [
    errors.invalidRequest("a: Field required"),
    400,
    "invalid_request_error",
    "a: Field required",
    NO_RETRY,
  ],
  missingKey: [errors.missingKey(), 401, "authentication_error", "x-api-key header is required"],
  wrongKey: [errors.wrongKey(), 401, "authentication_error", "invalid x-api-key"],
  notFound: [
    errors.notFound("http://localhost:8080"),
    404,
    "not_found_error",
    "Not Found. GET http://localhost:8080/ lists the endpoints of this server.",
  ],
  modelNotFound: [errors.modelNotFound("gpt-9"), 404, "not_found_error", "model: gpt-9"],
  methodNotAllowed: [
    errors.methodNotAllowed("GET, HEAD"),
    405,
    "invalid_request_error",
    "Method Not Allowed",
    { allow: "GET, HEAD" },
  ],
  requestTooLarge: [
    errors.requestTooLarge("32 MB"),
    413,
    "request_too_large",
    "Request exceeds the maximum size of 32 MB.",
  ],
  headersTooLarge: [
    errors.headersTooLarge(),
    431,
    "request_too_large",
    "The request line and the headers exceed their maximum size of 16 KB.",
    NO_RETRY,
  ],
  requestStalled: [
    errors.requestStalled(30_000),
    408,
    "timeout_error",
    "The request did not arrive: the client sent too little for 30 s.",
  ],
  overloaded: [
    errors.overloaded(256),
    529,
    "overloaded_error",
    "Overloaded: 256 requests are waiting already. Try again in a moment.",
    { "retry-after": "2" },
  ],
  outOfHandles: [
    errors.outOfHandles(),
    529,
    "overloaded_error",
    "Too many files and connections are open. Try again in a moment.",
    { "retry-after": "2" },
  ],
  readFailed: [
    errors.readFailed(new Error("EIO: some words")) as errors.ApiError,
    500,
    "api_error",
    "The data directory cannot be read: EIO: some words.",
    NO_RETRY,
  ],
  requestTimedOut: [
    errors.requestTimedOut(90_000),
    504,
    "timeout_error",
    "The request exceeded the request timeout of 90 s.",
  ],
  internalError: [errors.internalError(), 500, "api_error", "Internal server error. See the server log.", NO_RETRY],
  shuttingDown: [errors.shuttingDown(), 529, "overloaded_error", "The server is shutting down."],
  upstreamUnreachable: [
    errors.upstreamUnreachable("cut"),
    500,
    "api_error",
    "Claude Code could not reach the API: cut",
  ],
  notAStream: [
    errors.notAStream("text/html"),
    500,
    "api_error",
    "The API answered with 'text/html' instead of a stream of events. Check ANTHROPIC_BASE_URL and any proxy or gateway in between.",
    NO_RETRY,
  ],
  upstreamSilent: [
    errors.upstreamSilent(300),
    504,
    "timeout_error",
    "The API sent nothing for 300 s. Send the request again.",
  ],
  machineSlept: [
    errors.machineSlept(),
    504,
    "timeout_error",
    "This machine was asleep while the API answered. Send the request again.",
  ],
  upstreamTimedOut: [errors.upstreamTimedOut("late"), 504, "timeout_error", "The API did not answer in time: late"],
  answerInterrupted: [
    errors.answerInterrupted("terminated"),
    500,
    "api_error",
    "The API's answer broke off: terminated",
  ],
  answerNotSerializable: [
    errors.answerNotSerializable(new Error("too deep")),
    500,
    "api_error",
    "The answer cannot be written as JSON, and is lost: too deep.",
    NO_RETRY,
  ],
  storageFailed: [
    errors.storageFailed(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })),
    500,
    "api_error",
    "The disk is full. Nothing was stored; what was stored before is kept.",
    NO_RETRY,
  ],
  dataDirectoryInUse: [
    errors.dataDirectoryInUse("/data", 42),
    409,
    "conflict_error",
    "The data directory /data is in use by another server (process 42). Send the request to that server, or start this one with another data directory.",
    NO_RETRY,
  ],
  quotaExceeded: [
    errors.quotaExceeded(20),
    400,
    "invalid_request_error",
    "The storage quota of 20 GB is used up. Delete files or batches, or raise the quota.",
    NO_RETRY,
  ],
  fileNotFound: [errors.fileNotFound("file_x"), 404, "not_found_error", "File `file_x` not found."],
  fileExpired: [errors.fileExpired("file_x"), 404, "not_found_error", "File `file_x` has expired."],
  fileNotDownloadable: [
    errors.fileNotDownloadable(),
    400,
    "invalid_request_error",
    "File is not downloadable",
    NO_RETRY,
  ],
  wrongFileKind: [
    errors.wrongFileKind("file_x", "text/csv", "document", ["application/pdf", "text/plain"]),
    400,
    "invalid_request_error",
    "File `file_x` has the type text/csv, but document blocks accept only application/pdf, text/plain.",
    NO_RETRY,
  ],
  fileTooLarge: [
    errors.fileTooLarge("file_x"),
    400,
    "invalid_request_error",
    "The files of this request exceed 32 MB with `file_x`. Send fewer or smaller files.",
    NO_RETRY,
  ],
  batchNotFound: [errors.batchNotFound("msgbatch_x"), 404, "not_found_error", "Message batch `msgbatch_x` not found."],
};

describe("the errors", () => {
  it.each(Object.entries(TABLE))("%s", (_name, [made, status, type, message, headers = {}]) => {
    expect(made).toBeInstanceOf(ApiError);
    expect([made.status, made.headers]).toEqual([status, headers]);
    expect(made.toEnvelope("req_1")).toMatchObject({ type: "error", error: { type, message }, request_id: "req_1" });
  });

  it("are all in the table", () => {
    expect(Object.keys(TABLE).toSorted()).toEqual(Object.keys(factories).toSorted());
  });
});

describe("ApiError", () => {
  it("leaves the id out of an envelope without one", () => {
    const error = { type: "not_found_error", message: "Not Found" };
    expect(errors.notFound().toEnvelope()).toEqual({ type: "error", error });
  });

  it("has details in its envelope", () => {
    const details = { error_code: "thread_unsupported_request" };
    const { error } = errors.invalidRequest("thread: not supported", details).toEnvelope();
    expect(error).toEqual({ type: "invalid_request_error", message: "thread: not supported", details });
  });

  it("keeps upstream's request id outside the envelope", () => {
    expect(new ApiError(500, "api_error", "x", { requestId: "req_up" }).requestId).toBe("req_up");
  });
});
