/** Runs as its own process (see fakeCli.ts), so imports must not need a build. */
import { spawn } from "node:child_process";
import { existsSync, writeFileSync, writeSync } from "node:fs";

/** What a fake CLI uses. */
export interface Fake {
  /** Writes messages to stdout. */
  write(...messages: object[]): void;
  stdout(text: string | Buffer): void;
  stderr(text: string | Buffer): void;
  /** Answers a control request. */
  answer(message: Message, response?: object): void;
  /** A complete answer, and the end of the turn. */
  reply(): void;
  /** The beginning of an answer. */
  begin(): void;
  spawn: typeof spawn;
  exit(code: number): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a message of the protocol, in either direction
type Message = any;

/** What a fake does with a message; false for the default. Must not use variables from outside. */
export type Behaviour = (fake: Fake, message: Message) => unknown;

export async function program(fault: Behaviour, mark: string, version: string): Promise<void> {
  if (process.argv.includes("--version")) {
    process.stdout.write(`${version} (Claude Code)\n`);
    return;
  }
  const isFaulty = !existsSync(mark);
  writeFileSync(mark, "");
  /** Waits while the pipe is full, so that a flood costs no memory here. */
  const writeAll = (descriptor: number, text: string | Buffer) => {
    let rest = Buffer.from(text);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(descriptor, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  };
  const event = (event: object) => ({ type: "stream_event", event });
  const HEADERS = '[Anthropic SDK DEBUG] [log_1] response start {\n  headers: {\n    "request-id": "req_1",\n  },\n}\n';
  const message = { id: "msg_1", type: "message", role: "assistant", content: [], usage: { input_tokens: 1 } };
  const ACCOUNT = { apiKeySource: "ANTHROPIC_API_KEY" };
  const START = { type: "message_start", message };
  const rewrites = process.argv.some((argument) => /[\\/]rewrite$/.test(argument));
  const plugin = rewrites ? "rewrite" : "one-call";
  const reportMod = (text: string) => fake.write({ type: "system", subtype: "ui_log", plugin, text });
  const fake: Fake = {
    write: (...messages) => {
      for (const message of messages) fake.stdout(`${JSON.stringify(message)}\n`);
    },
    stdout: (text) => writeAll(1, text),
    stderr: (text) => writeAll(2, text),
    answer: (
      { request_id },
      response = { subtype: "success", response: { claude_code_version: version, account: ACCOUNT } },
    ) => fake.write({ type: "control_response", response: { request_id, ...response } }),
    begin: () => {
      reportMod("calling");
      if (rewrites) reportMod('answered {"status":200,"headers":{"request-id":"req_1"}}');
      else fake.stderr(HEADERS);
      fake.write(event(START));
    },
    reply: () => {
      fake.begin();
      fake.write(event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }));
      fake.write(event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "served" } }));
      fake.write(event({ type: "content_block_stop", index: 0 }));
      fake.write(event({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } }));
      fake.write(event({ type: "message_stop" }), { type: "result", subtype: "success" });
    },
    spawn,
    exit: (code) => process.exit(code),
  };
  const known = ["initialize", "apply_flag_settings", "interrupt", "get_settings", "get_context_usage"];
  const take = (message: Message) => {
    if (message.request?.subtype === "initialize") {
      fake.stderr("2026-11-26T00:00:00.000Z [DEBUG] cc-plugin-sec-default@builtin not seated: no managed settings\n");
      reportMod("loaded");
    }
    if (message.type === "user") reportMod("turn started");
    // the mod is asked about the counter's call
    if (message.request?.subtype === "get_context_usage") reportMod("count denied");
    if (isFaulty && fault(fake, message) !== false) return;
    if (message.type === "user") fake.reply();
    else if (known.includes(message.request?.subtype)) fake.answer(message);
    else fake.answer(message, { subtype: "error", error: "Unsupported control request subtype" });
  };
  let pending = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) {
    pending += chunk;
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line));
  }
}
