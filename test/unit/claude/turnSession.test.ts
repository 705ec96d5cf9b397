import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cliEnded, cliRefused, modelForbidden } from "../../../src/api/cliErrors.ts";
import type { ControlRequest } from "../../../src/claude/protocol/controlChannel.ts";
import { ONE_CALL_MOD } from "../../../src/claude/transport/overlay/oneCallMod.ts";
import { OverlayOutcome } from "../../../src/claude/transport/overlay/overlayOutcome.ts";
import type { Transport } from "../../../src/claude/transport/transport.ts";
import type { TurnRequest } from "../../../src/claude/transport/turnRequest.ts";
import { TurnSession } from "../../../src/claude/turnSession.ts";
import { AT, TURN_BEGINS } from "../../support/outcomes.ts";
import { eventsFor, text } from "../../support/replies.ts";
import { fakeLink } from "../../support/sessionLink.ts";
import { collectBatches, isSettled } from "../../support/streams.ts";

const REQUEST = { transport: "overlay", model: "opus", contentDigest: "digest" } as TurnRequest;
const TRIGGER = { type: "user" };
const RESULT = { type: "result", subtype: "success", is_error: false };
const ASKED = { type: "system", subtype: "ui_log", plugin: ONE_CALL_MOD.name, text: "turn started" };
const never = new AbortController().signal;

interface Scene {
  transport?: Partial<Transport>;
  reply?: (request: ControlRequest) => Promise<{ type: string }>;
  alone?: boolean;
}

/** A turn on a worker without a process, and what its CLI got. */
function begin({ transport = {}, reply = async () => ({ type: "success" }), alone = false }: Scene = {}) {
  const sent: string[] = [];
  const addBypass = vi.fn();
  const link = fakeLink({
    transport: {
      ...{ name: "overlay", mod: ONE_CALL_MOD.name, mods: { addBypass }, logsHeaders: false, allowsMoreCalls: false },
      ...{ settings: () => ({ model: "opus" }), accepted: () => sent.push("accepted"), trigger: () => TRIGGER },
      ...{ refusalOf: async () => undefined, outcome: () => new OverlayOutcome() },
      ...transport,
    } as unknown as Transport,
    request: (request) => {
      sent.push(request.subtype);
      return reply(request);
    },
    write: vi.fn(({ type }) => void sent.push(type)),
    end: vi.fn(() => void Object.assign(link, { alive: false })),
  });
  const session = new TurnSession(link, REQUEST, alone);
  const answer = async (stop_reason = "end_turn") => {
    await session.accept(ASKED);
    for (const event of eventsFor([text("Hi")], { stop_reason })) await session.accept({ type: "stream_event", event });
  };
  return { session, link, sent, addBypass, answer, run: (signal = never) => collectBatches(session.run(signal)) };
}

/** Resolves once the request has been sent. */
const triggered = (sent: string[]) => vi.waitFor(() => expect(sent).toContain("user"));

describe("a request", () => {
  it("is sent once the CLI has accepted its settings", async () => {
    const { run, sent, link, answer, session } = begin();
    const answered = run();
    await triggered(sent);
    expect(sent).toEqual(["apply_flag_settings", "accepted", "user"]);
    expect([link.served, session.contentDigest]).toEqual([1, "digest"]);
    expect(link.expectOutput).toHaveBeenCalledOnce();
    expect(link.allowSilence).not.toHaveBeenCalled();
    await answer();
    expect((await answered).map(({ type }) => type)).toEqual([
      ...["message_start", "content_block_start", "content_block_delta", "content_block_stop"],
      ...["message_delta", "message_stop"],
    ]);
    expect(link.allowSilence).toHaveBeenCalledOnce();
  });

  it("is sent without settings if they are unchanged", async () => {
    const { run, sent, answer } = begin({ transport: { settings: () => undefined } });
    const answered = run();
    await triggered(sent);
    await answer();
    await answered;
    expect(sent).toEqual(["user"]);
  });

  it("is not sent if the CLI rejects its settings, under which the previous request would be sent", async () => {
    const error = cliRefused("apply_flag_settings", "invalid");
    const { run, sent, link, session } = begin({ reply: () => Promise.reject(error) });
    await expect(run()).rejects.toBe(error);
    expect(sent).toEqual(["apply_flag_settings"]);
    expect(link.end).toHaveBeenCalledWith(error);
    expect(session.canHandOver).toBe(true);
  });

  it("is not sent if the organization forbids its model; the worker serves on", async () => {
    const error = modelForbidden("opus");
    const { run, sent, link, session } = begin({ transport: { refusalOf: async () => error } });
    await expect(run()).rejects.toBe(error);
    expect(sent).not.toContain("user");
    expect(link.end).not.toHaveBeenCalled();
    expect(await session.settle()).toBeUndefined();
  });

  it("is not sent for a client that has gone", async () => {
    const { run, sent, session } = begin();
    expect(await run(AbortSignal.abort())).toEqual([]);
    expect(await session.settle()).toBeUndefined();
    expect(sent).toEqual([]);
  });

  it("is not sent for a client that goes while the CLI accepts the settings", async () => {
    const leaving = new AbortController();
    const { run, sent } = begin({
      reply: async () => {
        leaving.abort();
        return { type: "success" };
      },
    });
    expect(await run(leaving.signal)).toEqual([]);
    expect(sent).toEqual(["apply_flag_settings", "accepted"]);
  });
});

describe("an interrupt", () => {
  it("is sent when the client goes, and answered before the worker has settled", async () => {
    let reply = () => {};
    const replied = new Promise<{ type: string }>((resolve) => {
      reply = () => resolve({ type: "success" });
    });
    const { session, run, sent } = begin({
      reply: ({ subtype }) => (subtype === "interrupt" ? replied : Promise.resolve({ type: "success" })),
    });
    const leaving = new AbortController();
    const answered = run(leaving.signal);
    await triggered(sent);
    await session.accept(ASKED);
    leaving.abort();
    expect(await answered).toEqual([]);
    expect(sent.at(-1)).toBe("interrupt");
    await session.accept(RESULT);
    const settled = session.settle();
    await vi.waitFor(async () => expect(await isSettled(settled)).toBe(false));
    reply();
    await settled;
  });

  it.each([
    ["max_tokens", false, ["interrupt"]],
    ["max_tokens", true, []],
    ["end_turn", false, []],
  ])("follows a message that ended with %s, alone: %s", async (reason, alone, interrupts) => {
    const { session, run, sent, answer } = begin({ alone });
    const answered = run();
    await triggered(sent);
    await answer(reason);
    await answered;
    await session.accept(RESULT);
    expect(await session.settle()).toBeUndefined();
    expect(sent.slice(3)).toEqual(interrupts);
  });
});

describe("a turn of which settings prevent further calls", () => {
  it("has them applied with its first call, and accepted before the worker has settled", async () => {
    const applied: unknown[] = [];
    let reply = () => {};
    const { session, run, sent, answer } = begin({
      transport: { allowsMoreCalls: true },
      reply: ({ settings }) => {
        applied.push(settings);
        return applied.length === 1
          ? Promise.resolve({ type: "success" })
          : new Promise((resolve) => {
              reply = () => resolve({ type: "success" });
            });
      },
    });
    const answered = run();
    await triggered(sent);
    session.onStderrLine(TURN_BEGINS);
    expect(applied).toHaveLength(1);
    session.onStderrLine(`${AT} [DEBUG] [API REQUEST] /v1/messages`);
    session.onStderrLine(`${AT} [DEBUG] [API REQUEST] /v1/messages`);
    expect(applied.slice(1)).toEqual([{ env: { CLAUDE_CODE_EXTRA_BODY: '{"messages":[]}' } }]);
    await answer();
    await answered;
    await session.accept(RESULT);
    const settled = session.settle();
    expect(await isSettled(settled)).toBe(false);
    reply();
    await settled;
  });
});

describe("a request whose worker ended", () => {
  const error = cliEnded("SIGKILL");

  /** Ends the worker in mid-turn, after `before`. */
  async function ended(before: (session: TurnSession) => unknown): Promise<TurnSession> {
    const { session, run, sent, link } = begin();
    const answered = run();
    await triggered(sent);
    await before(session);
    Object.assign(link, { alive: false });
    session.fail(error);
    await expect(answered).rejects.toBe(error);
    return session;
  }

  it("may be handed over if it made no call", async () => {
    expect((await ended(() => {})).canHandOver).toBe(true);
  });

  it.each<[string, (session: TurnSession) => unknown]>([
    ["the mod has reported a call", (session) => session.accept({ ...ASKED, text: "calling" })],
    ["output was lost, which may have reported a call", (session) => session.presumeSent()],
  ])("may not be handed over if %s", async (_what, before) => {
    expect((await ended(before)).canHandOver).toBe(false);
  });
});

describe("a request that the CLI failed without a call", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    [0, false],
    [1, true],
  ])("may be handed over by a worker that had served %i before: %s", async (before, expected) => {
    const { session, run, sent, link } = begin();
    link.served = before;
    const answered = run();
    answered.catch(() => {});
    await triggered(sent);
    await session.accept(ASKED);
    const failed = session.accept({ ...RESULT, is_error: true, result: "no disk" });
    await vi.advanceTimersByTimeAsync(1000);
    await failed;
    await expect(answered).rejects.toThrow();
    expect(session.canHandOver).toBe(expected);
    expect(await session.settle()).toBe("it failed a request without calling the API");
  });
});

describe("settling", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("gives the reason if the worker must not serve again", async () => {
    const { session, run, sent } = begin();
    const answered = run();
    await triggered(sent);
    for (const event of eventsFor([text("Hi")])) await session.accept({ type: "stream_event", event });
    await answered;
    await session.accept(RESULT);
    expect(await session.settle()).toBe("it did not ask our mod");
  });

  it("interrupts a turn that goes on, and ends a worker that stays busy", async () => {
    const { session, run, sent, answer, link } = begin();
    const answered = run();
    await triggered(sent);
    await answer();
    await answered;
    const settled = session.settle();
    await vi.advanceTimersByTimeAsync(100);
    expect(sent.at(-1)).toBe("interrupt");
    await vi.advanceTimersByTimeAsync(4900);
    expect(link.end).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(100);
    await settled;
    expect(link.end).toHaveBeenCalledWith(expect.objectContaining({ message: expect.stringContaining("'interrupt'") }));
  });

  it("remembers that the CLI does not log headers, so that no later answer waits for them", async () => {
    const { run, sent, answer, link } = begin({ transport: { logsHeaders: true } });
    const answered = run();
    await triggered(sent);
    const fed = answer();
    await vi.advanceTimersByTimeAsync(1000);
    await fed;
    await answered;
    expect(link.transport.logsHeaders).toBe(false);
  });
});

it("records a call about which the CLI did not ask the mod", async () => {
  const { session, run, sent, answer, addBypass } = begin();
  const answered = run();
  await triggered(sent);
  await answer();
  await answered;
  expect(addBypass).toHaveBeenCalledOnce();
  expect(session.canHandOver).toBe(false);
});
