import { expect } from "vitest";
import { FULL, QUICK } from "./full.ts";
import { health, simple, until } from "./harness.ts";
import { failure, type Reply, reply, text } from "./replies.ts";
import type { StandIn } from "./standIn.ts";

/** A server in front of a stand-in, in this process or in one of its own. */
interface Served {
  readonly url: string;
  readonly standIn: StandIn;
  post(body: unknown): Promise<Response>;
}

const ROUNDS = FULL ? 20 : QUICK ? 1 : 3;
/** What the API says to a call that nothing was put into. */
export const EMPTY = failure(400, "invalid_request_error", "messages: at least one message is required");
const stopped = (stop_reason: string) => () => reply([text("one two")], { stop_reason });

/** Answers after which the CLI, left to itself, may call again: with what the client gets of each. */
const TEMPTING: [end: string, answer: () => Reply][] = [
  ["max_tokens", stopped("max_tokens")],
  ["refusal", stopped("refusal")],
  ["model: x", () => failure(404, "not_found_error", "model: x")],
];

/** The calls that could be billed, and those that the API refuses. */
export const paid = ({ messages }: StandIn) => messages.filter(({ body }) => body.messages.length > 0).length;
export const unpaid = ({ messages }: StandIn) => messages.length - paid({ messages } as StandIn);

/** What the CLI logs of a turn in which it has taken the settings that keep further calls away. */
const TAKEN = /\[API REQUEST\][\s\S]*allow rules for destination 'flagSettings'/;
const turnsIn = (log: string) => log.split(/\[engine\] turn \d+ start/).slice(1);

/**
 * Has each kind of answer asked for, and looks that none cost more than one call. Where settings have to keep further calls
 * away, `log` is the server's log: the real API takes hundreds of milliseconds for its first event, and the CLI a few to
 * take settings, for which the stand-in waits here.
 */
export async function expectOneCallEach(server: Served, log?: () => string): Promise<void> {
  const { standIn } = server;
  const ask = async (answer: () => Reply) => {
    const before = log ? turnsIn(log()).length : 0;
    const hasTaken = () => {
      const turns = log ? turnsIn(log()) : [];
      return log === undefined || (turns.length > before && TAKEN.test(turns.at(-1) ?? ""));
    };
    standIn.respond = async ({ body }) => {
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
    const before = paid(standIn);
    for (let round = 0; round < ROUNDS; round++) expect(await ask(answer)).toBe(end);
    // the only place is free again when the CLI is done with the turn before
    expect(await ask(stopped("end_turn"))).toBe("end_turn");
    expect(paid(standIn) - before).toBe(ROUNDS + 1);
  }
}

/** Looks that the server says which transport its requests take, and why. */
export async function expectOverlay(server: Served, reason: string, log: string): Promise<void> {
  expect((await health(server)).transport).toMatchObject({ name: "overlay", reason: expect.stringContaining(reason) });
  expect(log).toMatch(new RegExp(`requests use the overlay transport, since .*${reason}`));
}
