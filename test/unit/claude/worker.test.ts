import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cliForbidden, cliUnresponsive, helperSilent } from "../../../src/api/cliErrors.ts";
import type { Cli } from "../../../src/claude/locate/locate.ts";
import type { Session } from "../../../src/claude/session.ts";
import { type Mods, type Transport, TransportUnavailable } from "../../../src/claude/transport/transport.ts";
import { Worker } from "../../../src/claude/worker.ts";
import { fakeProcess } from "../../support/fakeProcess.ts";
import { recordingLogger } from "../../support/recordingLogger.ts";
import { isSettled } from "../../support/streams.ts";

/** A worker without a process, and its log. */
function begin(mods: Partial<Mods> = {}, cli?: Partial<Cli>) {
  const fake = fakeProcess();
  const log: string[] = [];
  const own = { accept: () => false, addStderrLine: vi.fn(), verify: async () => undefined, ...mods };
  const transport = { name: "overlay", mods: own } as unknown as Transport;
  const worker = new Worker({ process: fake.process, transport, logger: recordingLogger(log), cli: cli as Cli });
  /** Replies to the ping with which a worker begins. */
  const respond = async () => {
    fake.reply("claude_virtual_api_ping");
    await vi.waitFor(() => expect(log).toContain("[debug] worker 7 is ready"));
  };
  return { worker, log, mods: own, respond, ...fake };
}

/** A session that records what it gets. */
function recorder(parts: Partial<Session> = {}) {
  const got: unknown[] = [];
  const session: Session = {
    contentDigest: "digest",
    accept: ({ type }) => void got.push(type),
    onStderrLine: (line) => void got.push(line),
    presumeSent: () => void got.push("output was lost"),
    fail: ({ message }) => void got.push(message),
    settle: async () => undefined,
    ...parts,
  };
  return { session, got };
}

describe("a session", () => {
  it("gets messages and lines, but neither replies nor the mods' reports of loading", async () => {
    const { worker, say, logLine, respond } = begin({ accept: ({ type }) => type === "loaded" });
    const { session, got } = recorder();
    worker.begin(session);
    await respond();
    for (const type of ["loaded", "stream_event", "result"]) say({ type });
    logLine("[DEBUG] line");
    await vi.waitFor(() => expect(got).toHaveLength(3));
    expect(got.toSorted()).toEqual(["[DEBUG] line", "result", "stream_event"]);
  });

  it("makes its worker busy until it has settled", async () => {
    let settle = (_reason?: string) => {};
    const settled = new Promise<string | undefined>((resolve) => {
      settle = resolve;
    });
    const { worker, say } = begin();
    const { session, got } = recorder({ settle: () => settled });
    worker.begin(session);
    const settling = worker.settle();
    expect(await isSettled(settling)).toBe(false);
    expect([worker.isBusy, worker.contentDigest]).toEqual([true, "digest"]);
    settle();
    expect(await settling).toBe(true);
    expect([worker.isBusy, worker.contentDigest]).toEqual([false, undefined]);
    // late messages belong to no session
    say({ type: "result", session_id: "s" });
    await vi.waitFor(() => expect(worker.sessionId).toBe("s"));
    expect(got).toEqual([]);
  });

  it("keeps its worker if it does not settle", async () => {
    const { worker } = begin();
    const { settle: _, ...session } = recorder().session;
    worker.begin(session);
    expect(await worker.settle()).toBe(true);
    expect(worker.isBusy).toBe(true);
  });

  it.each<[string, string | undefined, Partial<Mods>]>([
    ["its session", "it may omit a field", {}],
    ["its mods", undefined, { reasonToRetire: "it may omit a field" }],
  ])("leaves a worker that must not serve again, by %s", async (_whose, reason, mods) => {
    const { worker, log } = begin(mods);
    worker.begin(recorder({ settle: async () => reason }).session);
    expect(await worker.settle()).toBe(false);
    expect(log).toContain("[info] worker 7 is replaced: it may omit a field");
  });

  it("fails, like pending and later requests, when the process ends", async () => {
    const { worker, end, say } = begin();
    const { session, got } = recorder();
    worker.begin(session);
    const pending = worker.request({ subtype: "apply_flag_settings" });
    say({ type: "stream_event" });
    end("exit code 3");
    await expect(pending).rejects.toThrow("exit code 3");
    expect(got).toEqual(["stream_event", expect.stringContaining("exit code 3")]);
    await expect(worker.request({ subtype: "apply_flag_settings" })).rejects.toThrow("exit code 3");
    expect([worker.alive, await worker.settle()]).toEqual([false, false]);
  });

  it("fails with the reason for which its process is killed", async () => {
    const { worker, kill } = begin();
    const { session, got } = recorder();
    worker.begin(session);
    worker.end(cliUnresponsive(5));
    worker.end(cliForbidden("later"));
    await worker.stop();
    expect(kill).toHaveBeenCalledOnce();
    expect(got).toEqual([cliUnresponsive(5).message]);
  });
});

describe("initialize", () => {
  const description = { models: [{ value: "sonnet" }], account: { apiKeySource: "ANTHROPIC_API_KEY" } };

  it("gives the system prompt, and resolves with the CLI's description", async () => {
    const { worker, reply, written } = begin();
    const initialized = worker.initialize("Be brief.");
    reply("initialize", description);
    expect(await initialized).toEqual(description);
    expect(written.at(-1)?.request).toMatchObject({ subtype: "initialize", systemPrompt: ["Be brief."] });
  });

  it("rejects if the CLI is another version than the checked one", async () => {
    const { worker, reply } = begin({}, { version: "2.1.330" });
    const initialized = worker.initialize("");
    reply("initialize", { ...description, claude_code_version: "2.1.331" });
    await expect(initialized).rejects.toThrow("2.1.330 was replaced by 2.1.331");
  });

  it("rejects if a mod does not run", async () => {
    const error = new TransportUnavailable("the mod was not loaded");
    const { worker, reply } = begin({ verify: () => Promise.reject(error) });
    const initialized = worker.initialize("");
    reply("initialize", description);
    await expect(initialized).rejects.toBe(error);
  });

  it("rejects with the organization's reason if that ends the CLI at its start", async () => {
    const { worker, logLine, end, mods } = begin();
    const initialized = worker.initialize("");
    logLine("Your organization does not allow this.");
    await vi.waitFor(() => expect(mods.addStderrLine).toHaveBeenCalled());
    end("exit code 1");
    await expect(initialized).rejects.toThrow(cliForbidden("Your organization does not allow this.").message);
  });

  it("ignores a reply to no pending request", async () => {
    const { worker, reply, log } = begin();
    reply("unheard_of");
    await vi.waitFor(() => expect(log).toContain("[debug] worker 7: received a reply to no pending request"));
    expect(worker.alive).toBe(true);
  });
});

describe("a worker that is silent", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] }));
  afterEach(() => void vi.useRealTimers());

  it("is ended sooner before a request than during one", async () => {
    const { worker, respond, kill } = begin();
    await respond();
    worker.begin(recorder().session);
    worker.expectOutput();
    await vi.advanceTimersByTimeAsync(7000);
    expect(kill).toHaveBeenCalledOnce();
    const other = begin();
    await other.respond();
    other.worker.begin(recorder().session);
    other.worker.expectOutput();
    other.reply("claude_virtual_api_ping");
    await vi.advanceTimersByTimeAsync(50_000);
    expect(other.kill).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(other.kill).toHaveBeenCalledOnce();
  });

  it("serves on if no output is expected", async () => {
    const { worker, respond, kill } = begin();
    await respond();
    worker.expectOutput();
    worker.allowSilence();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(kill).not.toHaveBeenCalled();
  });

  it("fails its initialization, in which it waits for the helper's key", async () => {
    const { worker } = begin();
    worker.helperKey = { variables: [], usableUntil: 0 };
    const rejected = expect(worker.initialize("")).rejects.toThrow(helperSilent(60).message);
    await vi.advanceTimersByTimeAsync(60_000);
    await rejected;
  });

  it("may have made a call if its last output is lost", async () => {
    const { worker, exit } = begin();
    const { session, got } = recorder();
    worker.begin(session);
    exit("SIGKILL");
    await vi.advanceTimersByTimeAsync(1000);
    await vi.waitFor(() => expect(got).toEqual(["output was lost", expect.stringContaining("SIGKILL")]));
  });
});
