import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { claudePath } from "../../test/support/claude.ts";
import { FakeApi } from "../../test/support/fakeApi.ts";
import { cliEnvironment, scratchHome } from "../../test/support/harness.ts";
import type { Longest, Question } from "./probe.ts";

/** What a case uses: our server in a separate process, the real CLI, and a fake API in this process. */
export interface Bench {
  url: string;
  fakeApi: FakeApi;
  post(path: string, body: string, headers?: Record<string, string>): Promise<Response>;
}

export interface Case {
  name: string;
  title: string;
  /** Returns the server's options, and prepares its data. */
  prepare?(home: string): Promise<object> | object;
  /** Resolves with a short outcome, such as the status of the response. */
  run(bench: Bench): Promise<string>;
  /** Timeout in milliseconds, if the case needs more than the default. */
  bound?: number;
}

export interface Row {
  title: string;
  outcome: string;
  /** Undefined if the server did not respond in time. */
  longest: Longest | undefined;
  /** Milliseconds. */
  total: number;
  /** Bytes: the server's peak, the peak of all its workers, the server's memory 2 s later, and its live heap then. */
  peak: number;
  workers: number;
  idle: number | undefined;
  kept: number | undefined;
}

/** Milliseconds between two samples of the workers' memory. */
const SAMPLE_INTERVAL_MS = 200;
/** Milliseconds that a server may take to report how long it was blocked. */
const REPORT_TIMEOUT_MS = 5000;

/** Runs one case on a new server, and ends both at the timeout. */
export async function measure({ title, prepare, run, bound: own }: Case, usualBound: number): Promise<Row> {
  const bound = own ?? usualBound;
  await using scratch = await scratchHome();
  const fakeApi = await FakeApi.start();
  const options = {
    port: 0,
    claudePath: claudePath(),
    environment: cliEnvironment(scratch.home, fakeApi),
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
      run(benchOf(url, fakeApi)).catch((error: Error) => `${error.message} ${(error.cause as Error)?.message ?? ""}`),
      died.catch((error: Error) => error.message),
      delay(bound, `not over after ${bound / 1000} s`, { ref: false }),
    ]);
    const total = performance.now() - start;
    const longest = (await Promise.race([
      ask(server, "longest"),
      delay(REPORT_TIMEOUT_MS, undefined, { ref: false }),
    ])) as Longest | undefined;
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
    await fakeApi.close();
  }
}

function benchOf(url: string, fakeApi: FakeApi): Bench {
  return {
    url,
    fakeApi,
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

/** Samples the memory of a process's children; returns the peak of their sum (Linux). */
function watchWorkers(pid: number): { stop(): number } {
  let most = 0;
  const timer = setInterval(() => {
    const sum = descendants(pid).reduce((bytes, child) => bytes + memoryOf(child, "VmRSS"), 0);
    most = Math.max(most, sum);
  }, SAMPLE_INTERVAL_MS);
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

/** Returns a process's current or peak memory in bytes; 0 if it cannot be read. */
function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return 1024 * Number(new RegExp(`${field}:\\s*(\\d+)`).exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
