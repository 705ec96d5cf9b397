import { describe, expect, it } from "vitest";
import { fakeCli } from "../support/fakeCli.ts";
import type { Fake } from "../support/fakeCliProgram.ts";
import { FULL } from "../support/full.ts";
import { type App, eventsOf, scratchHome, simple, startApp } from "../support/harness.ts";

/** Megabytes of a flood. */
const FLOOD = FULL ? 300 : 24;
/** Milliseconds in which a fake must show a sign of life: long, since a busy machine may keep one waiting. */
const SILENCE = 60_000;
/** The same where a fake is silent on purpose. */
const SHORT_SILENCE = 2000;

/** What the first process does when it is asked for an answer; the others answer. */
type Fault = (fake: Fake) => void;

/** A server on a CLI that has this fault in its first process. */
async function withFault(fault: Fault | string, onControl = "false", cliSilence = SILENCE): Promise<App> {
  const scratch = await scratchHome();
  const behaviour = `(fake, message) => message.type === "user" ? (${fault})(fake) : (${onControl})`;
  const claudePath = await fakeCli(scratch.home, behaviour);
  const maxBusyWorkerMemory = 300 * 1024 * 1024;
  const app = await startApp({ claudePath, maxConcurrent: 1, cliSilence, maxBusyWorkerMemory });
  const dispose = app[Symbol.asyncDispose];
  return Object.assign(app, {
    [Symbol.asyncDispose]: async () => {
      await dispose();
      await scratch[Symbol.asyncDispose]();
    },
  });
}

async function expectFailure(app: App, words: string): Promise<void> {
  const response = await app.post(simple());
  expect(await response.json()).toMatchObject({
    error: { type: "api_error", message: expect.stringContaining(words) },
  });
  expect(response.status).toBe(500);
}

async function expectAnswer(app: App): Promise<void> {
  const response = await app.post(simple("next"));
  expect(await response.json()).toMatchObject({ content: [{ type: "text", text: "served" }] });
}

const sizeOf = (log: string[]) => log.reduce((sum, line) => sum + line.length, 0);
const warningsIn = (log: string[]) => log.filter((line) => line.startsWith("[warn]"));

describe("output that cannot be read ends its request, and the next one is served:", () => {
  it("a line without an end", async () => {
    await using app = await withFault((fake) => {
      fake.begin();
      for (let megabytes = 0; megabytes < 45; megabytes++) fake.stdout(Buffer.alloc(1024 * 1024, "x"));
      setInterval(() => {}, 60_000);
    });
    const events = await eventsOf(await app.post(simple("x", { stream: true })));
    const error = { type: "api_error", message: expect.stringContaining("A line is longer than 41943040 bytes") };
    expect(events.at(-1)).toEqual({ type: "error", error });
    expect(warningsIn(app.log)).toHaveLength(1);
    await expectAnswer(app);
  });

  it("a line of too many values", async () => {
    await using app = await withFault((fake) => {
      fake.begin();
      fake.stdout(`{"type":"stream_event","event":{"type":"x","y":[${"[],".repeat(300_000)}0]}}\n`);
      setInterval(() => {}, 60_000);
    });
    await expectFailure(app, "more than 100000 values");
    await expectAnswer(app);
  });
});

describe("output that says nothing is passed over:", () => {
  it.each<[string, Fault]>([
    [
      "garbage between lines",
      (fake) => {
        fake.stdout(`garbage\n\n{"half":\n[1,2\nnull\n{"type":5}\n${"[".repeat(100_000)}\n`);
        fake.stdout(Buffer.alloc(9000, 0xff));
        fake.stdout("\n");
        fake.write(
          { type: "stream_event" },
          { type: "stream_event", event: null },
          { type: "stream_event", event: {} },
        );
        fake.write({ type: "control_response" }, { type: "control_response", response: { request_id: "cva-99" } });
        fake.write({ type: "assistant", message: null }, { type: "assistant", message: { content: [null] } });
        fake.write({ type: "rate_limit_event" }, { type: "unheard_of" });
        fake.reply();
      },
    ],
    [
      "a long line that repeats the answer",
      (fake) => {
        const input = Array.from({ length: 300_000 }, () => []);
        fake.write({ type: "assistant", message: { content: [{ type: "tool_use", input }] } });
        fake.reply();
      },
    ],
  ])("%s", async (_name, fault) => {
    await using app = await withFault(fault);
    await expectAnswer(app);
    expect(sizeOf(app.log)).toBeLessThan(20_000);
  });

  it.each([
    ["short lines", `"0123456789abcdef\\n".repeat(61681)`],
    ["one line", `"x".repeat(1048576)`],
  ])("a flood of %s on stderr", async (_name, megabyte) => {
    await using app = await withFault(`(fake) => {
      for (let megabytes = 0; megabytes < ${FLOOD}; megabytes++) fake.stderr(${megabyte});
      fake.stderr("\\n");
      fake.reply();
    }`);
    await expectAnswer(app);
    expect(sizeOf(app.log)).toBeLessThan(200_000);
    expect(warningsIn(app.log)).toEqual([expect.stringContaining("stderr")]);
  });
});

describe("a CLI that ends or hangs ends its request, and the next one is served:", () => {
  it.each<[string, Fault, string]>([
    [
      "it ends while another process holds its output",
      (fake) => {
        fake.begin();
        // in a separate group, out of reach of signals to the CLI's
        fake.spawn("sleep", ["45"], { detached: true, stdio: "inherit" }).on("spawn", () => fake.exit(3));
      },
      "exit code 3",
    ],
    [
      "it is stopped",
      (fake) => {
        fake.begin();
        fake.spawn("sh", ["-c", "kill -STOP $PPID"], { stdio: "ignore" });
      },
      "stopped responding",
    ],
    [
      "it outgrows its memory",
      (fake) => {
        fake.begin();
        const held = Buffer.alloc(400 * 1024 * 1024, 1);
        setInterval(() => held.length, 60_000);
      },
      "more than 300 MB of memory",
    ],
    [
      "it writes garbage for ever",
      (fake) => {
        fake.begin();
        fake.answer = () => {};
        setInterval(() => fake.stdout("garbage\n"), 10);
      },
      "stopped responding",
    ],
  ])("%s", async (_name, fault, words) => {
    await using app = await withFault(fault, undefined, SHORT_SILENCE);
    await expectFailure(app, words);
    await expectAnswer(app);
    expect(sizeOf(app.log)).toBeLessThan(20_000);
  });

  it("but not where it is silent and answers a ping", async () => {
    const onPing = `message.request.subtype === "claude_virtual_api_ping" && (fake.pings = (fake.pings ?? 0) + 1) === 8
      ? fake.reply() : false`;
    await using app = await withFault("(fake) => {}", onPing, SHORT_SILENCE);
    await expectAnswer(app);
  });
});

describe("settings that the CLI refuses", () => {
  it("end the request before it is sent", async () => {
    const refuse = `message.request.subtype === "apply_flag_settings"
      ? fake.answer(message, { subtype: "error", error: "nothing in this request was applied" }) : false`;
    await using app = await withFault(`(fake) => fake.stderr("ASKED\\n")`, refuse);
    await expectAnswer(app);
    expect(app.log.join()).toContain("Claude Code refused 'apply_flag_settings'");
    expect(app.log.join()).not.toContain("ASKED");
  });
});
