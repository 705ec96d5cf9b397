import { expect } from "vitest";
import { eventsOf, type Stage } from "../support/harness.ts";
import { reply, text } from "../support/replies.ts";
import type { Requested } from "./corpus.ts";
import { arrivesAs, betasArriveAs } from "./differences.ts";

const answer = reply([text("A short answer")]);

/** Sends it, streaming or not, and expects one call with it upstream, and upstream's answer back. */
export async function expectCarried(
  on: Stage,
  body: Requested,
  stream: boolean,
  headers: Record<string, string> = {},
): Promise<void> {
  on.standIn.messages.length = 0;
  on.standIn.respond = () => answer;
  const betas = (headers["anthropic-beta"] ?? "").split(",").filter((beta) => beta !== "");
  const response = await on.post({ ...body, ...(stream && { stream }) }, headers);
  const [call, ...more] = on.standIn.messages;
  expect([response.status, more.length]).toEqual([200, 0]);
  expect(call?.body).toEqual(arrivesAs(body));
  expect(new Set(String(call?.headers["anthropic-beta"]).split(","))).toEqual(betasArriveAs(body, betas));
  if (!("events" in answer)) throw new Error("no stream was scripted");
  const upstream = [...(answer.events as Iterable<{ type: string }>)].filter(({ type }) => type !== "ping");
  if (stream) expect(await eventsOf(response)).toEqual(upstream);
  else expect(await response.json()).toEqual(answer.folded);
}
