import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { notSignedIn } from "../../../src/api/cliErrors.ts";
import { overloaded } from "../../../src/api/errors.ts";
import type { StreamEvent } from "../../../src/api/events.ts";
import { keepText } from "../../../src/api/exactJson.ts";
import { frame, sse } from "../../../src/http/sse.ts";
import { recordingLogger } from "../../support/recordingLogger.ts";
import { batched, collect } from "../../support/streams.ts";

const START: StreamEvent = { type: "message_start", message: { content: [] } };
const DELTA: StreamEvent = { type: "content_block_delta", index: 0, delta: { text: "a\nb\r\u2028é😀" } };
const STOP: StreamEvent = { type: "message_stop" };

function logger() {
  const logged: string[] = [];
  return { logged, ...recordingLogger(logged, (level) => `${level}:`) };
}

async function* failing(error: unknown) {
  yield [DELTA];
  throw error;
}

async function bodyOf(rest: AsyncGenerator<StreamEvent[], void, undefined>, log = logger()): Promise<string> {
  return Buffer.concat(await collect<Buffer>(sse([START], rest, log))).toString("utf8");
}

describe("frame", () => {
  it("writes the event's name, then its JSON in one line", () => {
    expect(frame(START)).toBe('event: message_start\ndata: {"type":"message_start","message":{"content":[]}}\n\n');
    const [event, data, ...end] = frame(DELTA).split(/\r\n|\r|\n/);
    expect(event).toBe("event: content_block_delta");
    expect(JSON.parse(data!.replace(/^data: /, ""))).toEqual(DELTA);
    expect(end).toEqual(["", ""]);
  });

  it("keeps the text of an unchanged event", () => {
    const text = '{"type":"message_start", "message":{"content":[],"cost":12345678901234567890,"2":1,"1":2}}';
    expect(frame(keepText(JSON.parse(text), text))).toBe(`event: message_start\ndata: ${text}\n\n`);
  });
});

describe("sse", () => {
  it("writes the first event, then the rest, then ends", async () => {
    expect(await bodyOf(batched([DELTA, STOP]))).toBe([START, DELTA, STOP].map(frame).join(""));
    expect(await bodyOf(batched([]))).toBe(frame(START));
  });

  it.each([overloaded(3), notSignedIn()])("reports a failure in an error event and ends: %s", async (error) => {
    const log = logger();
    const { type, message, details } = error;
    const expected = `event: error\ndata: ${JSON.stringify({ type: "error", error: { type, message, ...(details && { details }) } })}\n\n`;
    expect(await bodyOf(failing(error), log)).toBe(frame(START) + frame(DELTA) + expected);
    expect(log.logged).toEqual([]);
  });

  it("writes the reason of an internal error only to the log", async () => {
    const log = logger();
    const body = await bodyOf(failing(new Error("secret detail")), log);
    expect(body).toContain('event: error\ndata: {"type":"error","error":{"type":"api_error","message":"Internal');
    expect(body).not.toContain("secret detail");
    expect(log.logged).toEqual([expect.stringMatching(/^error: stream: Error: secret detail\n/)]);
  });

  it("writes each event as soon as it arrives", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* gated() {
      await gate;
      yield [STOP];
    }
    const stream = sse([START], gated(), logger());
    const output = stream[Symbol.asyncIterator]();
    expect(String((await output.next()).value)).toBe(frame(START));
    release();
    expect(String((await output.next()).value)).toBe(frame(STOP));
  });

  it("applies the back-pressure of a slow client", async () => {
    const size = 1024;
    let made = 0;
    async function* long() {
      for (; made < 10_000; made++) yield [{ type: "content_block_delta", delta: { text: "x".repeat(size) } }];
    }
    const stream = sse([START], long(), logger());
    await once(stream, "readable");
    while (stream.readableLength < stream.readableHighWaterMark) await new Promise(setImmediate);
    expect(made * size).toBeLessThan(2 * stream.readableHighWaterMark);
    stream.destroy();
  });

  it("releases its source when the client disconnects", async () => {
    let left = () => {};
    const released = new Promise<void>((resolve) => {
      left = resolve;
    });
    async function* source() {
      try {
        for (;;) yield [DELTA];
      } finally {
        left();
      }
    }
    const stream = sse([START], source(), logger());
    await once(stream, "readable");
    stream.read();
    stream.destroy();
    await released;
  });
});
