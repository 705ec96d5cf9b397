import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { claudePath } from "../../test/support/claude.ts";
import { cliEnvironment, scratchHome } from "../../test/support/harness.ts";
import { StandIn } from "../../test/support/standIn.ts";
import type { Longest, Question } from "./probe.ts";

/** What a case works with: our server in a process of its own, on the real CLI, in front of a stand-in here. */
export interface Bench {
  url: string;
  standIn: StandIn;
  post(path: string, body: string, headers?: Record<string, string>): Promise<Response>;
}

export interface Case {
  name: string;
  title: string;
  /** Options of the server, and what must be there before it starts. */
  prepare?(home: string): Promise<object> | object;
  /** Resolves with a word on how it went, such as the status of the answer. */
  run(bench: Bench): Promise<string>;
  /** The case may last longer than the usual bound, in milliseconds. */
  bound?: number;
}

export interface Row {
  title: string;
  outcome: string;
  /** Undefined where the server still did not answer when the time was over. */
  longest: Longest | undefined;
  /** Milliseconds. */
  total: number;
  /** Bytes: the most the server had, the most its workers had together, the server's 2 s later, and what it then needs. */
  peak: number;
  workers: number;
  idle: number | undefined;
  kept: number | undefined;
}

/** Milliseconds between two looks at the workers' memory. */
const SAMPLE_INTERVAL = 200;
/** Milliseconds that a server may take to say how long it was blocked. */
const ANSWER_BOUND = 5000;

/** Runs one case on a fresh server, and ends both at the bound. */
export async function measure({ title, prepare, run, bound: own }: Case, usualBound: number): Promise<Row> {
  const bound = own ?? usualBound;
  await using scratch = await scratchHome();
  const standIn = await StandIn.start();
  const options = {
    port: 0,
    claudePath: claudePath(),
    environment: cliEnvironment(scratch.home, standIn),
    selfCheck: false,
    dataDir: join(scratch.home, "data"),
    ...(await prepare?.(scratch.home)),
  };
  const server = fork(join(import.meta.dirname, "probe.ts"), [JSON.stringify(options)], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  let stderr = "";
  server.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const died = once(server, "exit").then(([code, signal]) => {
    throw new Error(`died (${signal ?? code})${/heap out of memory/.test(stderr) ? ", out of memory" : ""}`);
  });
  died.catch(() => {});
  const workers = watchWorkers(server.pid as number);
  try {
    const url = (await Promise.race([answerOf(server, "listening"), died])) as string;
    await ask(server, "reset");
    const start = performance.now();
    const outcome = await Promise.race([
      run(benchOf(url, standIn)).catch((error: Error) => `${error.message} ${(error.cause as Error)?.message ?? ""}`),
      died.catch((error: Error) => error.message),
      delay(bound, `not over after ${bound / 1000} s`, { ref: false }),
    ]);
    const total = performance.now() - start;
    const longest = (await Promise.race([ask(server, "longest"), delay(ANSWER_BOUND, undefined, { ref: false })])) as
      | Longest
      | undefined;
    const peak = memoryOf(server.pid as number, "VmHWM");
    const idle =
      longest === undefined ? undefined : ((await ask(server, "idle")) as { resident: number; kept: number });
    return { title, outcome, longest, total, peak, workers: workers.stop(), idle: idle?.resident, kept: idle?.kept };
  } finally {
    workers.stop();
    if (server.exitCode === null && server.signalCode === null) {
      server.kill("SIGKILL");
      await once(server, "exit");
    }
    await standIn.close();
  }
}

function benchOf(url: string, standIn: StandIn): Bench {
  return {
    url,
    standIn,
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        headers: { "x-api-key": "bench", "content-type": "application/json", ...headers },
        body,
      }),
  };
}

async function ask(server: ChildProcess, question: Question): Promise<unknown> {
  if (!server.connected) return undefined;
  const answered = answerOf(server, question);
  server.send(question);
  return answered;
}

async function answerOf(server: ChildProcess, question: Question | "listening"): Promise<unknown> {
  for (;;) {
    const [message] = (await once(server, "message")) as [{ question: string; answer: unknown }];
    if (message.question === question) return message.answer;
  }
}

/** The most memory that the children of a process had together, looked at now and then (Linux). */
function watchWorkers(pid: number): { stop(): number } {
  let most = 0;
  const timer = setInterval(() => {
    const sum = descendants(pid).reduce((bytes, child) => bytes + memoryOf(child, "VmRSS"), 0);
    most = Math.max(most, sum);
  }, SAMPLE_INTERVAL);
  return {
    stop() {
      clearInterval(timer);
      return most;
    },
  };
}

function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ").filter(Boolean);
    return children.flatMap((child) => [Number(child), ...descendants(Number(child))]);
  } catch {
    return [];
  }
}

/** Bytes that a process has, or has had at most; 0 where that cannot be read. */
function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return 1024 * Number(new RegExp(`${field}:\\s*(\\d+)`).exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
