import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { CLI_ARGUMENTS } from "../../src/claude/launchPlan.ts";
import { childEnvironment } from "../../src/claude/process/environment.ts";
import { type CliMessage, encode, readMessages } from "../../src/claude/protocol/codec.ts";
import { triggerOf } from "../../src/claude/protocol/trigger.ts";
import { splitLines } from "../../src/shared/lines.ts";
import { claudePath } from "./claude.ts";
import { FakeApi } from "./fakeApi.ts";
import { cliEnvironment, scratchHome } from "./harness.ts";

/** Everything the CLI wrote to stdout in a turn, from the trigger to its `result`. */
export interface RawTurn {
  log: CliMessage[];
  result: CliMessage;
  /** Upstream's events in it. */
  events: CliMessage[];
}

export interface RawOptions {
  /** Arguments after our own. */
  args?: string[];
  /** Disables debug lines on stderr. */
  quiet?: boolean;
  /** Variables that override ours; undefined removes one. */
  env?: Record<string, string | undefined>;
  /** System prompts for `initialize`; undefined leaves the process blank. */
  system?: string[];
  /** Puts files into the scratch home before the start. */
  prepare?: (home: string) => Promise<void>;
}

/** Settings that a request needs to arrive unchanged, without the model. */
export const NEUTRAL = {
  CLAUDE_CODE_DISABLE_THINKING: "1",
  CLAUDE_CODE_EFFORT_LEVEL: "unset",
  DISABLE_PROMPT_CACHING: "1",
};

/** The real CLI without this project's code around it, to pin its behaviour. */
export class RawCli implements AsyncDisposable {
  readonly fakeApi: FakeApi;
  readonly home: string;
  readonly stderrLines: string[] = [];
  readonly exited: Promise<unknown>;
  readonly #child;
  readonly #waiting: { wanted: (message: CliMessage) => boolean; resolve: (message: CliMessage) => void }[] = [];
  readonly #log: CliMessage[] = [];
  readonly #dispose: () => Promise<void>;
  #count = 0;

  static async start(options: RawOptions = {}): Promise<RawCli> {
    const scratch = await scratchHome();
    const fakeApi = await FakeApi.start();
    await options.prepare?.(scratch.home);
    const cwd = join(scratch.home, "empty");
    await mkdir(cwd);
    const env = { ...childEnvironment(cliEnvironment(scratch.home, fakeApi), {}, []), ...options.env };
    const child = spawn(
      claudePath(),
      [...CLI_ARGUMENTS, ...(options.quiet ? [] : ["--debug-to-stderr"]), ...(options.args ?? [])],
      { cwd, env },
    );
    const cli = new RawCli(child, fakeApi, scratch.home, async () => {
      await fakeApi.close();
      await scratch[Symbol.asyncDispose]();
    });
    if (options.system) await cli.initialize(...options.system);
    return cli;
  }

  private constructor(child: ReturnType<typeof spawn>, fakeApi: FakeApi, home: string, dispose: () => Promise<void>) {
    this.#child = child;
    this.fakeApi = fakeApi;
    this.home = home;
    this.#dispose = dispose;
    this.exited = once(child, "exit");
    child.stdin?.on("error", () => {});
    void this.#read();
    void this.#readStderr();
  }

  write(...out: CliMessage[]): void {
    this.#child.stdin?.write(out.map(encode).join(""));
  }

  get pid(): number {
    return Number(this.#child.pid);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  control(request: object): Promise<CliMessage> {
    this.#count += 1;
    const request_id = `test-${this.#count}`;
    const answered = this.next(
      (message) => message.type === "control_response" && message.response.request_id === request_id,
    );
    this.write({ type: "control_request", request_id, request });
    return answered.then((message) => message.response);
  }

  initialize(...system: string[]): Promise<CliMessage> {
    return this.control({ subtype: "initialize", systemPrompt: system, systemPromptSnapshot: false });
  }

  settings(settings: object): Promise<CliMessage> {
    return this.control({ subtype: "apply_flag_settings", settings });
  }

  /** Runs a turn with this body, in our worker's settings unless `env` overrides them. */
  async turn(body: object, { model = "sonnet", env = {} as Record<string, string> } = {}): Promise<RawTurn> {
    const live = {
      ...NEUTRAL,
      CLAUDE_CODE_EXTRA_BODY: JSON.stringify(body),
      ...env,
    };
    void this.settings({ model, env: live });
    return this.prompt(".");
  }

  /** Runs a turn with this prompt, without settings. */
  async prompt(content: string, more: Record<string, unknown> = {}): Promise<RawTurn> {
    const from = this.#log.length;
    const ended = this.next((message) => message.type === "result");
    this.write({ ...triggerOf("."), ...more, message: { role: "user", content } });
    const result = await ended;
    const log = this.#log.slice(from);
    return {
      log,
      result,
      events: log.filter((message) => message.type === "stream_event").map((message) => message.event),
    };
  }

  next(wanted: (message: CliMessage) => boolean): Promise<CliMessage> {
    return new Promise((resolve) => this.#waiting.push({ wanted, resolve }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
    await this.#dispose();
  }

  async #read(): Promise<void> {
    const heard = (message: CliMessage) => {
      this.#log.push(message);
      for (const waiting of this.#waiting.filter(({ wanted }) => wanted(message))) {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.resolve(message);
      }
    };
    await readMessages(this.#child.stdout as Readable, { onMessage: heard, onStrayLine() {} });
  }

  async #readStderr(): Promise<void> {
    for await (const line of splitLines(this.#child.stderr as AsyncIterable<Buffer>)) {
      this.stderrLines.push(line);
    }
  }
}

/** A body with one user message. */
export const body = (content: unknown = "Hello", extra: object = {}) => ({
  messages: [{ role: "user", content }],
  max_tokens: 100,
  ...extra,
});
