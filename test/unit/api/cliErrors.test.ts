import { describe, expect, it } from "vitest";
import * as errors from "../../../src/api/cliErrors.ts";
import { ApiError } from "../../../src/api/errors.ts";

const { isScarcity, isEnvironmentTrouble: _, ...factories } = errors;
const NO_RETRY = { "x-should-retry": "false" };
const systemError = (code: string) => Object.assign(new Error(`spawn ${code}`), { code });

type Row = [made: ApiError, status: number, type: string, message: string, headers?: object];

/** Every factory with what a client gets to see of it. */
const TABLE: Record<keyof typeof factories, Row> = {
  noCliUsable: [
    errors.noCliUsable(
      [
        { path: "/a/claude", reason: "'/a/claude' does not run as Claude Code: no such file" },
        { path: "/b/claude", reason: "Claude Code 2.9.0 has lost something" },
      ],
      "cli_unusable",
    ),
    500,
    "api_error",
    "None of the 2 programs found as 'claude' can be used. '/a/claude' does not run as Claude Code: no such file. '/b/claude': Claude Code 2.9.0 has lost something. Run 'claude update', install Claude Code (npm install -g @anthropic-ai/claude-code), or set the path of 'claude'.",
    NO_RETRY,
  ],
  cliEnvironment: [
    errors.cliEnvironment("TMPDIR", "/none", "which is not a directory"),
    500,
    "api_error",
    "Claude Code could not be started: TMPDIR is '/none', which is not a directory. Set TMPDIR to a directory that this user may write to.",
    NO_RETRY,
  ],
  cliReplaced: [
    errors.cliReplaced("2.1.330", "2.1.331"),
    500,
    "api_error",
    "Claude Code 2.1.330 was replaced by 2.1.331 while this request was prepared. Send the request again.",
  ],
  cliRefused: [
    errors.cliRefused("initialize", "no such thing"),
    500,
    "api_error",
    "Claude Code refused 'initialize', and nothing was sent to the API: no such thing",
    NO_RETRY,
  ],
  cliUnreadable: [
    errors.cliUnreadable("A line is too long."),
    500,
    "api_error",
    "The output of Claude Code cannot be read, and its process was ended: A line is too long. Send the request again.",
  ],
  cliUnresponsive: [
    errors.cliUnresponsive(60),
    500,
    "api_error",
    "Claude Code stopped responding for 60 s, and its process was ended. Send the request again.",
  ],
  cliTooLarge: [
    errors.cliTooLarge(2048),
    500,
    "api_error",
    "Claude Code used more than 2048 MB of memory for this request, and its process was ended.",
    NO_RETRY,
  ],
  cliNotStarted: [
    errors.cliNotStarted(Object.assign(new Error("spawn EMFILE"), { code: "EMFILE" })),
    529,
    "overloaded_error",
    "Overloaded: Claude Code could not be started, since this server has too many open files. Try again in a moment.",
    { "retry-after": "2" },
  ],
};

describe("errors of the CLI's process", () => {
  it.each(Object.entries(TABLE))("%s", (_name, [made, status, type, message, headers = {}]) => {
    expect(made).toBeInstanceOf(ApiError);
    expect({ ...made, message: made.message }).toMatchObject({ status, type, message, headers });
    expect(Object.keys(made.headers)).toEqual(Object.keys(headers));
  });

  it.each(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"])("a start that fails with %s may be tried again", (code) => {
    expect(isScarcity(systemError(code))).toBe(true);
    expect(errors.cliNotStarted(systemError(code))).toMatchObject({ status: 529, headers: { "retry-after": "2" } });
  });

  it("any other failure of a start is told in the system's words", () => {
    expect(isScarcity(systemError("ENOENT"))).toBe(false);
    const message = "Claude Code could not be started: spawn ENOENT.";
    expect(errors.cliNotStarted(systemError("ENOENT"))).toMatchObject({ status: 500, type: "api_error", message });
  });

  it("a failure in the API's words keeps them", () => {
    const error = new ApiError(401, "authentication_error", "no");
    expect(errors.cliNotStarted(error)).toBe(error);
  });
});
