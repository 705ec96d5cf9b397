import { expect } from "vitest";
import type { StreamEvent } from "../../src/api/events.ts";
import { fold } from "../../src/api/fold.ts";
import { eventsOf } from "../support/harness.ts";
import { reply, text } from "../support/replies.ts";
import type { TransportStage } from "../support/transports.ts";
import type { Requested } from "./corpus.ts";
import { arrivesAs, betasArriveAs } from "./differences.ts";
import { expectRewritten } from "./rewritten.ts";
import { textOf, type Written, written } from "./written.ts";

const answer = reply([text("A short answer")]);

/** Sends a request, streaming or not; expects one matching call upstream, and upstream's answer back. */
export function expectCarried(
  how: TransportStage,
  body: Requested,
  stream: boolean,
  headers: Record<string, string> = {},
): Promise<void> {
  return expectTextCarried(how, written({ ...body, ...(stream && { stream }) }), headers);
}

/** The same for a request in the client's own text. */
export async function expectTextCarried(
  { app, transport }: TransportStage,
  sent: Written,
  headers: Record<string, string> = {},
): Promise<void> {
  app.fakeApi.messages.length = 0;
  app.fakeApi.respond = () => answer;
  const betas = (headers["anthropic-beta"] ?? "").split(",").filter((beta) => beta !== "");
  const text = textOf(sent);
  const { stream, ...body } = JSON.parse(text) as Requested;
  const response = await app.call("/v1/messages", { method: "POST", headers, body: text });
  const isWhole = transport === "rewrite" && asksForOneJson(body as Requested);
  const [call, ...more] = app.fakeApi.messages;
  expect([response.status, more.length]).toEqual([200, 0]);
  if (!call) throw new Error("no call came");
  if (transport === "rewrite") {
    expectRewritten(call, sent, betas, isWhole);
  } else {
    expect(call.body).toEqual(arrivesAs(body as Requested));
    expect(new Set(String(call.headers["anthropic-beta"]).split(","))).toEqual(betasArriveAs(body as Requested, betas));
  }
  if (!("events" in answer)) throw new Error("no stream was scripted");
  const upstream = [...(answer.events as Iterable<{ type: string }>)].filter(({ type }) => type !== "ping");
  if (!stream) expect(await response.json()).toEqual(isWhole ? answerTo(body as Requested) : answer.folded);
  else if (isWhole) expect(await fold(batchOf((await eventsOf(response)) as StreamEvent[]))).toEqual(answer.folded);
  else expect(await eventsOf(response)).toEqual(upstream);
}

/** Requests whose answers the API or the CLI does not stream. */
function asksForOneJson({ max_tokens, mcp_servers }: Requested): boolean {
  return max_tokens === 0 || (Array.isArray(mcp_servers) && mcp_servers.length > 0);
}

/** What a client gets of it; without content if it requested no tokens. */
function answerTo({ max_tokens }: Requested): object {
  if (!("folded" in answer)) throw new Error("no answer was scripted");
  const { folded } = answer as { folded: object };
  return max_tokens === 0 ? { ...folded, content: [], stop_reason: "max_tokens" } : folded;
}

async function* batchOf(events: StreamEvent[]): AsyncGenerator<StreamEvent[]> {
  yield events;
}
