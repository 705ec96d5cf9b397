import { afterEach, describe, expect, it, vi } from "vitest";
import { cliEnded } from "../../../../src/api/cliErrors.ts";
import type { CliMessage } from "../../../../src/claude/protocol/codec.ts";
import { ControlChannel } from "../../../../src/claude/protocol/controlChannel.ts";
import { isSettled } from "../../../support/streams.ts";

const REQUEST = { subtype: "apply_flag_settings", settings: {} };

function begin() {
  const written: CliMessage[] = [];
  const controls = new ControlChannel((message) => written.push(message));
  const answered = controls.request(REQUEST, 5);
  answered.catch(() => {});
  return { controls, written, answered, request_id: written[0]!.request_id as string };
}

afterEach(() => vi.useRealTimers());

describe("a control request", () => {
  it("is written once, with a unique id", () => {
    const { controls, written, request_id } = begin();
    controls.request(REQUEST, 5).catch(() => {});
    expect(written).toEqual([
      { type: "control_request", request_id, request: REQUEST },
      { type: "control_request", request_id: expect.not.stringMatching(`^${request_id}$`), request: REQUEST },
    ]);
  });

  it("resolves with its reply", async () => {
    const { controls, answered, request_id } = begin();
    const answer = { subtype: "success", request_id, response: { a: 1 } };
    expect(controls.answer(answer as unknown as CliMessage)).toBe(true);
    expect(await answered).toEqual(answer);
  });

  it.each([
    [{ subtype: "error", error: "invalid settings: model" }, "invalid settings: model"],
    [{ subtype: "error" }, "no reason given"],
    [{ subtype: "unheard_of" }, "no reason given"],
    [{}, "no reason given"],
  ])("rejects if the CLI replies %j", async (response, reason) => {
    const { controls, answered, request_id } = begin();
    expect(controls.answer({ ...response, request_id } as unknown as CliMessage)).toBe(true);
    const message = `Claude Code refused 'apply_flag_settings', and nothing was sent to the API: ${reason}`;
    await expect(answered).rejects.toMatchObject({ status: 500, type: "api_error", message });
  });

  it("quotes only the beginning of a long error", async () => {
    const { controls, answered, request_id } = begin();
    controls.answer({ subtype: "error", request_id, error: "x".repeat(1_000_000) } as unknown as CliMessage);
    const error = await answered.catch((failure: Error) => failure);
    expect((error as Error).message.length).toBeLessThan(1000);
  });

  it.each([undefined, {}, { request_id: "cva-99" }, { request_id: null }])(
    "ignores a reply to another request: %j",
    async (response) => {
      const { controls, answered } = begin();
      expect(controls.answer(response as CliMessage | undefined)).toBe(false);
      expect(await isSettled(answered)).toBe(false);
    },
  );

  it("is settled once", () => {
    const { controls, request_id } = begin();
    const answer = { subtype: "success", request_id } as unknown as CliMessage;
    expect(controls.answer(answer)).toBe(true);
    expect(controls.answer(answer)).toBe(false);
  });

  it("rejects after its time limit, then ignores the reply", async () => {
    vi.useFakeTimers();
    const { controls, answered, request_id } = begin();
    vi.advanceTimersByTime(5000);
    await expect(answered).rejects.toThrow("did not answer 'apply_flag_settings' within 5 s");
    expect(controls.answer({ subtype: "success", request_id } as unknown as CliMessage)).toBe(false);
  });

  it("rejects when the worker ends, like all later requests", async () => {
    const { controls, written, answered } = begin();
    const error = cliEnded("SIGKILL");
    controls.fail(error);
    await expect(answered).rejects.toBe(error);
    await expect(controls.request(REQUEST, 5)).rejects.toBe(error);
    expect(written).toHaveLength(1);
  });
});
