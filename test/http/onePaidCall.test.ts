import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TransportName } from "../../src/claude/transport/transport.ts";
import { eventsOf, simple } from "../support/harness.ts";
import { ODD_ANSWERS, type OddAnswer } from "../support/oddAnswers.ts";
import {
  eventsFor,
  failure,
  pacedReply,
  type Reply,
  reply,
  type StreamEvent,
  text,
  thinking,
} from "../support/replies.ts";
import { onEachTransport } from "../support/transports.ts";

/**
 * The answers after which the CLI, left to itself, calls again, rewords or loses something: each costs one paid call, and
 * arrives exactly or as the documents say. `test/contract` shows what the CLI does of itself, `residue.test.ts` what
 * stays behind.
 */
interface Trap {
  name: string;
  answer: () => Reply;
  /** Fields of the request. */
  request?: object;
  /** What arrives in place of upstream's answer, by transport. */
  differs?: { [transport in TransportName]?: Arrived };
  /** The words in the documents that say so, unless upstream has said nothing. */
  documented?: string;
}

/** A status with the envelope of an error, or events; what is left out is as upstream sent it. */
interface Arrived {
  status?: number;
  events?: unknown[];
  error?: unknown;
  calls?: number;
}

const odd = (name: string): Trap => {
  const [, answer] = ODD_ANSWERS.find(([known]) => known.startsWith(name)) as OddAnswer;
  return { name, answer };
};
const refused = (status: number, type: string, message: string, headers?: Record<string, string>): Trap => ({
  name: `${status} ${message}`,
  answer: () => failure(status, type, message, headers),
});

const TEXT = [...eventsFor([text("one two three")])];
const MIXED = [...eventsFor([thinking("Hm"), text("one two three")])];
const OVERLOADED: StreamEvent = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
const BROKEN = { type: "api_error", message: expect.any(String) };
const both = (arrived: Arrived, documented?: string) => ({
  differs: { rewrite: arrived, overlay: arrived },
  ...(documented !== undefined && { documented }),
});
const withoutPings = (events: readonly unknown[]) => events.filter((event) => (event as StreamEvent).type !== "ping");
const withAnyId = (event: unknown) => {
  const { message, ...rest } = event as StreamEvent;
  return message ? { ...rest, message: { ...message, id: expect.any(String) } } : rest;
};
const error = (reported: unknown) => ({ type: "error", error: reported });

const TOO_MANY = { "retry-after": "17", "anthropic-ratelimit-requests-remaining": "0" };
const FALLBACK = { type: "fallback", from: { model: "claude-opus-5-5" }, to: { model: "claude-opus-4-8" } };
const BETA = "Unexpected value(s) `effort-2025-11-24` for the `anthropic-beta` header.";
const HISTORY = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.";
const UNKNOWN_EVENT = { type: "something_new", index: 0 };
const MCP_SERVERS = [{ type: "url", url: "https://example.com/mcp", name: "x" }];
const MCP_BLOCKS = [
  { type: "mcp_tool_use", id: "mcptoolu_1", name: "look", server_name: "x", input: {} },
  { type: "mcp_tool_result", tool_use_id: "mcptoolu_1", is_error: false, content: [text("there")] },
  text("It is there."),
];

const TRAPS: Trap[] = [
  odd("stop_reason max_tokens"),
  odd("stop_reason refusal"),
  odd("a refusal without content"),
  odd("stop_reason pause_turn"),
  odd("stop_reason model_context_window_exceeded"),
  odd("stop_reason compaction"),
  odd("stop_reason something_new"),
  odd("no content"),
  odd("an empty text"),
  odd("usage over 1e9"),
  odd("an unknown tool"),
  odd("another model"),
  {
    name: "a fallback to another model",
    answer: () => reply([{ ...FALLBACK, trigger: "refusal" }, text("x")]),
    ...both(
      { events: withoutPings([...eventsFor([FALLBACK, text("x")])]).map(withAnyId) },
      "`trigger` of a `fallback` block | Claude Code removes them",
    ),
  },
  {
    name: "an event of an unknown type",
    answer: () => pacedReply([...TEXT.slice(0, 2), UNKNOWN_EVENT, ...TEXT.slice(2)]),
    ...both({ events: withoutPings(TEXT) }, "events of types that Claude Code does not know | not upstream's"),
  },
  {
    name: "a server of the MCP connector",
    request: { mcp_servers: MCP_SERVERS },
    answer: () => reply(MCP_BLOCKS),
    differs: {
      rewrite: { events: expect.arrayContaining([expect.objectContaining({ type: "message_stop" })]) as never },
      overlay: { status: 400, error: { type: "invalid_request_error", message: expect.any(String) }, calls: 0 },
    },
    documented: "| `mcp_servers` | refused here,",
  },
  refused(400, "invalid_request_error", HISTORY),
  refused(400, "invalid_request_error", BETA),
  refused(400, "invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum"),
  refused(400, "invalid_request_error", "messages.0.content.0.image.source.base64: Could not process image"),
  refused(401, "authentication_error", "invalid x-api-key"),
  refused(402, "billing_error", "Your credit balance is too low"),
  refused(403, "permission_error", "Your API key does not have permission to use the specified resource"),
  refused(404, "not_found_error", "model: claude-nothing-9"),
  refused(413, "request_too_large", "Request exceeds the maximum size"),
  refused(429, "rate_limit_error", "Too many requests", TOO_MANY),
  refused(500, "api_error", "Internal server error"),
  refused(504, "timeout_error", "The request timed out"),
  refused(529, "overloaded_error", "Overloaded"),
  {
    name: "502 with a page",
    answer: () => ({ status: 502, plain: "<html><title>Bad gateway</title></html>" }),
    differs: {
      rewrite: { status: 502, error: { type: "api_error", message: "Bad gateway" } },
      overlay: { status: 502, error: { type: "api_error", message: expect.stringContaining("Bad gateway") } },
    },
    documented: "Of a page of HTML, the title does",
  },
  {
    name: "503 without a body",
    answer: () => ({ status: 503, plain: "" }),
    ...both({ status: 503, error: BROKEN }),
  },
  {
    name: "200 with a page",
    answer: () => ({ status: 200, plain: "<html><title>Sign in</title></html>" }),
    ...both({ status: 500, error: BROKEN }, "| an answer that is no stream of events,"),
  },
  {
    name: "an error event first",
    answer: () => pacedReply([OVERLOADED]),
    // no event has come, so there is still a status to say it with
    ...both({ status: 529, error: OVERLOADED.error }, "an error event before any other | the status"),
  },
  { name: "an error event in a block", answer: () => pacedReply([...TEXT.slice(0, 5), OVERLOADED]) },
  {
    name: "an error event after a block",
    answer: () => pacedReply([...MIXED.slice(0, 8), OVERLOADED]),
    ...both(
      { events: [...withoutPings(MIXED.slice(0, 8)), error(BROKEN)] },
      "An error event that comes when a block of the answer is complete already may lose its type and words",
    ),
  },
  {
    name: "an end in a block",
    answer: () => pacedReply(TEXT.slice(0, 5)),
    ...both({ events: [...withoutPings(TEXT.slice(0, 5)), error(BROKEN)] }),
  },
  {
    name: "a cut before the first event",
    answer: () => pacedReply(["cut"]),
    ...both({ status: 500, error: BROKEN }),
  },
];

it("are all 36", () => {
  expect(TRAPS).toHaveLength(36);
  expect(new Set(TRAPS.map(({ name }) => name)).size).toBe(36);
});

onEachTransport(({ app, transport, sampled }) => {
  describe("costs one paid call and arrives as it is, or as documented:", () => {
    let documents: string;
    beforeAll(() => {
      const files = ["docs/differences.md", "docs/overlay.md"].map((file) => join(import.meta.dirname, "../..", file));
      documents = files.map((file) => readFileSync(file, "utf8").replace(/\s+/g, " ")).join(" ");
    });
    afterEach(() => app.fakeApi.reset());

    it.each(sampled(TRAPS, 20, 8))("$name", async ({ answer, request, differs, documented }) => {
      const sent = answer();
      app.fakeApi.respond = () => sent;
      const response = await app.post(simple("x", { ...request, stream: true }));
      const expected = differs?.[transport] ?? expectedOf(sent);
      if (documented !== undefined) expect(documents).toContain(documented);
      expect(response.status).toBe(expected.status ?? 200);
      if (expected.error) expect(await response.json()).toMatchObject(error(expected.error));
      else expect(await eventsOf(response)).toEqual(expected.events);
      for (const [name, value] of Object.entries(sent.headers ?? {})) expect(response.headers.get(name)).toBe(value);
      // by the time of the next answer the CLI has done whatever it would
      app.fakeApi.respond = () => reply([text("next")]);
      expect((await app.post(simple())).status).toBe(200);
      expect(app.fakeApi.messages).toHaveLength((expected.calls ?? 1) + 1);
    });
  });
});

function expectedOf(sent: Reply): Arrived {
  if ("error" in sent) return { status: sent.status, error: sent.error };
  if ("events" in sent) return { events: withoutPings([...(sent.events as Iterable<StreamEvent>)]) };
  throw new Error("What arrives of this answer has to be said.");
}
