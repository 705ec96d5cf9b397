import Anthropic from "@anthropic-ai/sdk";
import AnthropicZero from "sdk-0";
import { expect } from "vitest";
import type { Requested } from "../fidelity/corpus.ts";
import { arrivesRewritten } from "../fidelity/rewritten.ts";
import type { App } from "../support/harness.ts";
import { pacedReply, type Reply, type StreamEvent } from "../support/replies.ts";

/** A full id, so that the model reaches upstream unchanged. */
export const MODEL = "claude-sonnet-5-5";

/** Both majors of the official SDK, which differ in API version and kind of credential. */
export const SDKS = [
  { name: "SDK 1.x", SDK: Anthropic, version: "2026-10-21", credential: { authorization: "Bearer local-key" } },
  {
    name: "SDK 0.x",
    // the same shape as far as used here; private fields hide this from the compiler
    SDK: AnthropicZero as unknown as typeof Anthropic,
    version: "2023-06-01",
    credential: { "x-api-key": "local-key" },
  },
] as const;

/** A request that the SDK passed to `fetch`. */
export interface SentRequest {
  url: string;
  headers: Record<string, string>;
}

/** A client without retries, and the list of its requests. */
export function clientOf(SDK: typeof Anthropic, app: App): { client: Anthropic; sent: SentRequest[] } {
  const sent: SentRequest[] = [];
  const recording: typeof fetch = (input, init) => {
    sent.push({ url: String(input), headers: Object.fromEntries(new Headers(init?.headers).entries()) });
    return fetch(input, init);
  };
  const client = new SDK({ baseURL: app.url, apiKey: "local-key", authToken: null, maxRetries: 0, fetch: recording });
  return { client, sent };
}

/** Expects one complete upstream call for each request, in order. */
export function expectUpstream(app: App, ...requests: object[]): void {
  const expected = requests.map((request) => arrivesRewritten(request as Requested));
  expect(app.fakeApi.messages.map(({ body }) => body)).toEqual(expected);
}

/** An answer that stops before its last `held` events, until it is released. */
export function heldBack(events: Iterable<StreamEvent | "cut">, held: number): { reply: Reply; release(): void } {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  async function* gated() {
    const all = [...events];
    yield* all.slice(0, -held);
    await released;
    yield* all.slice(-held);
  }
  return { reply: pacedReply(gated()), release };
}
