import { describe, expect, it } from "vitest";
import * as errors from "../../../src/api/accessErrors.ts";
import { type ApiError, NO_RETRY } from "../../../src/api/errors.ts";

type Row = [made: ApiError, status: number, type: string, message: string, headers?: object];

/** Every factory with the error that clients get. */
const TABLE: Record<keyof typeof errors, Row> = {
  hostNotAllowed: [
    errors.hostNotAllowed("evil.example", "--allowed-hosts"),
    403,
    "permission_error",
    "The Host header 'evil.example' is not a name of this server. Use 127.0.0.1 or localhost, or add the name to --allowed-hosts.",
  ],
  targetNotAllowed: [
    errors.targetNotAllowed("evil.example"),
    403,
    "permission_error",
    "The request target names the host 'evil.example', but the Host header another. This server is not a proxy: send only a path.",
  ],
  originNotAllowed: [
    errors.originNotAllowed("https://evil.example", "claudeVirtualApi.allowedOrigins"),
    403,
    "permission_error",
    "Requests from the origin 'https://evil.example' are not allowed. Add it to claudeVirtualApi.allowedOrigins to call this server from a browser.",
  ],
  conflictingHeader: [
    errors.conflictingHeader("x-api-key"),
    400,
    "invalid_request_error",
    "The header 'x-api-key' was sent with different values. Send it once.",
    NO_RETRY,
  ],
  wrongPath: [
    errors.wrongPath("/proxy/v1/messages", "http://localhost:8080", "/v1/messages"),
    404,
    "not_found_error",
    "Not Found: this server has no '/proxy/v1/messages'. Did you mean http://localhost:8080/v1/messages? Set the base URL to http://localhost:8080, or to http://localhost:8080/v1 if the client does not add /v1.",
  ],
  requestLoop: [
    errors.requestLoop(),
    400,
    "invalid_request_error",
    "Claude Virtual API calls itself: Claude Code sends its requests back to this server instead of to Anthropic. Remove ANTHROPIC_BASE_URL from Claude Code's managed settings, or point the relay in between to Anthropic.",
    NO_RETRY,
  ],
  notServed: [errors.notServed("Skills are not served."), 404, "not_found_error", "Skills are not served."],
};

describe("the errors about hosts, origins and paths", () => {
  it.each(Object.entries(TABLE))("%s", (_name, [made, status, type, message, headers = {}]) => {
    expect([made.status, made.type, made.message, made.headers]).toEqual([status, type, message, headers]);
  });
});
