import { expect } from "vitest";
import type { FakeApi } from "./fakeApi.ts";
import { FULL, QUICK } from "./full.ts";
import { health, simple, until } from "./harness.ts";
import { failure, type Reply, reply, text } from "./replies.ts";

/** A server with a fake API, in this process or another. */
interface Served {
  readonly url: string;
  readonly fakeApi: FakeApi;
  post(body: unknown): Promise<Response>;
}

const ROUNDS = FULL ? 20 : QUICK ? 1 : 3;
/** The API's reply to a call without messages. */
export const EMPTY = failure(400, "invalid_request_error", "messages: at least one message is required");
const stopped = (stop_reason: string) => () => reply([text("one two")], { stop_reason });

/** Answers after which the CLI may call again, and what the client gets. */
const TEMPTING: [end: string, answer: () => Reply][] = [
  ["max_tokens", stopped("max_tokens")],
  ["refusal", stopped("refusal")],
  ["model: x", () => failure(404, "not_found_error", "model: x")],
];

/** Calls that could be billed, and calls that the API rejects. */
export const paid = ({ messages }: FakeApi) => messages.filter(({ body }) => body.messages.length > 0).length;
export const unpaid = ({ messages }: FakeApi) => messages.length - paid({ messages } as FakeApi);

/** The CLI's log line for a turn that received the settings against further calls. */
const TAKEN = /\[API REQUEST\][\s\S]*allow rules for destination 'flagSettings'/;
const turnsIn = (log: string) => log.split(/\[engine\] turn \d+ start/).slice(1);

/**
 * Requests each kind of answer and checks that none costs more than one call. `log` is the server's log, if settings
 * must prevent further calls: the real API takes hundreds of milliseconds to its first event, the CLI a few to apply
 * settings, for which the fake API waits here.
 */
export async function expectOneCallEach(server: Served, log?: () => string): Promise<void> {
  const { fakeApi } = server;
  const ask = async (answer: () => Reply) => {
    const before = log ? turnsIn(log()).length : 0;
    const hasTaken = () => {
      const turns = log ? turnsIn(log()) : [];
      return log === undefined || (turns.length > before && TAKEN.test(turns.at(-1) ?? ""));
    };
    fakeApi.respond = async ({ body }) => {
      if (body.messages.length === 0) return EMPTY;
      await until(hasTaken);
      return answer();
    };
    const response = await server.post(simple("Hello"));
    const { stop_reason, error } = (await response.json()) as {
      stop_reason?: string;
      error?: { message: string };
    };
    expect([response.status, stop_reason ?? error?.message]).toEqual([error ? 404 : 200, expect.any(String)]);
    return stop_reason ?? error?.message;
  };
  for (const [end, answer] of TEMPTING) {
    const before = paid(fakeApi);
    for (let round = 0; round < ROUNDS; round++) expect(await ask(answer)).toBe(end);
    // the only slot is free once the CLI has finished the previous turn
    expect(await ask(stopped("end_turn"))).toBe("end_turn");
    expect(paid(fakeApi) - before).toBe(ROUNDS + 1);
  }
}

/** Checks that the server logs the transport it uses, and why. */
export async function expectOverlay(server: Served, reason: string, log: string): Promise<void> {
  expect((await health(server)).transport).toMatchObject({ name: "overlay", reason: expect.stringContaining(reason) });
  expect(log).toMatch(new RegExp(`requests use the overlay transport, since .*${reason}`));
}
