import { describe, expect, it } from "vitest";
import type { ApiError } from "../../../../src/api/errors.ts";
import { type NetworkRoute, networkRoute } from "../../../../src/claude/process/network.ts";
import { OverlayOutcome } from "../../../../src/claude/transport/overlay/overlayOutcome.ts";
import { AT, RESULT, report } from "../../../support/outcomes.ts";

const ANNOUNCED = `${AT} [ERROR] API error (attempt 1/1): undefined Connection error.`;
const details = (code: string, message = "words") =>
  `${AT} [ERROR] Connection error details: code=${code}, message=${message}`;
const DIRECT = networkRoute({});
const PROXIED = networkRoute({ HTTPS_PROXY: "http://ann:word@proxy.test:8080", NODE_EXTRA_CA_CERTS: "/a.pem" });

function failureOf(line: string, route: NetworkRoute | undefined, begun = false): ApiError {
  const outcome = new OverlayOutcome({}, route);
  for (const each of [ANNOUNCED, line]) outcome.addStderrLine(each);
  outcome.addErrorMessage(report("API Error: Connection error"));
  return outcome.toError(RESULT, begun);
}

const RETRY = {};
const NO_RETRY = { "x-should-retry": "false" };

describe("a failed connection", () => {
  it.each<[string, NetworkRoute | undefined, string, string, object]>([
    [
      "SELF_SIGNED_CERT_IN_CHAIN (SSL error)",
      DIRECT,
      "tls",
      "does not trust the certificate of https://api.anth",
      NO_RETRY,
    ],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY (SSL error)", PROXIED, "tls", "It is '/a.pem' now.", NO_RETRY],
    ["CERT_HAS_EXPIRED (SSL error)", DIRECT, "tls", "has expired. Check the clock", NO_RETRY],
    ["ERR_TLS_CERT_ALTNAME_INVALID (SSL error)", DIRECT, "tls", "is for another name", NO_RETRY],
    ["EPROTO", DIRECT, "tls", "The TLS handshake with https://api.anthropic.com failed (EPROTO)", NO_RETRY],
    ["ERR_SSL_WRONG_VERSION_NUMBER", PROXIED, "tls", "https:// is right only where", NO_RETRY],
    ["ENOTFOUND", DIRECT, "dns", "The name api.anthropic.com cannot be resolved (ENOTFOUND)", RETRY],
    ["EAI_AGAIN", PROXIED, "proxy", "The proxy http://proxy.test:8080 (set by HTTPS_PROXY", RETRY],
    ["ECONNREFUSED", DIRECT, "connection", "https://api.anthropic.com cannot be reached (ECONNREFUSED)", RETRY],
    ["ECONNREFUSED", undefined, "connection", "the API cannot be reached (ECONNREFUSED)", RETRY],
    ["UnsupportedProxyProtocol", PROXIED, "proxy", "Use http:// or https://", NO_RETRY],
  ])("%s names the place and the remedy", (code, route, reason, words, headers) => {
    const failure = failureOf(details(code), route);
    expect(failure.message).toContain(words);
    expect(failure).toMatchObject({ status: 500, type: "api_error", details: { reason }, headers });
    expect(failure.details).toMatchObject({ error_code: "upstream_unreachable", code: code.split(" ")[0] });
    expect(Object.keys(failure.headers)).toEqual(Object.keys(headers));
  });

  it.each([
    ["407 Refused", "asks for credentials (407)", NO_RETRY],
    ["403 Forbidden", "refuses to connect to https://api.anthropic.com (403)", NO_RETRY],
    ["502 Bad Gateway", "refuses to connect to https://api.anthropic.com (502)", RETRY],
  ])("reports the proxy's refusal: %s", (answer, words, headers) => {
    const line = details("ERR_PROXY_TUNNEL", `Proxy refused to open a tunnel: ${answer}`);
    const failure = failureOf(line, PROXIED);
    expect(failure.message).toContain(words);
    expect(Object.keys(failure.headers)).toEqual(Object.keys(headers));
  });

  it("keeps the CLI's message if the request may have been sent", () => {
    const dropped = failureOf(details("ECONNRESET"), DIRECT);
    expect(dropped.message).toMatch(/^Claude Code could not reach the API: Connection/);
    expect(dropped.details).toEqual({
      error_code: "upstream_unreachable",
      reason: "connection",
      code: "ECONNRESET",
    });
    expect(failureOf(details("ECONNREFUSED"), DIRECT, true).message).toMatch(/^The API's answer broke off/);
  });

  it("is reported when the line with its code has come", async () => {
    const outcome = new OverlayOutcome();
    let isSeen = false;
    void outcome.errorSeen.then(() => {
      isSeen = true;
    });
    outcome.addStderrLine(ANNOUNCED);
    await Promise.resolve();
    expect(isSeen).toBe(false);
    outcome.addStderrLine(details("ENOTFOUND"));
    await Promise.resolve();
    expect(isSeen).toBe(true);
  });
});
