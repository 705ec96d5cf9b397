import { createRequire } from "node:module";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { defaultOptions, type ServerOptions } from "../../src/options.ts";
import type { Server } from "../../src/server.ts";

/** The parent's questions; each is answered by one message. */
export type Question = "reset" | "longest" | "idle";

/** The longest block of the event loop in milliseconds: wall time, and CPU time of its thread. */
export interface Longest {
  wall: number;
  cpu: number;
}

/** Milliseconds between two samples of the event loop. */
const RESOLUTION_MS = 2;

/** Measures the CPU time of the event loop's thread between two turns, independent of other load on the machine. */
class CpuStretches {
  /** Milliseconds since the last reset. */
  longest = 0;
  #last = process.threadCpuUsage();

  constructor() {
    setInterval(() => this.#look(), RESOLUTION_MS);
  }

  reset(): void {
    this.#last = process.threadCpuUsage();
    this.longest = 0;
  }

  #look(): void {
    const now = process.threadCpuUsage();
    const stretch = (now.user - this.#last.user + now.system - this.#last.system) / 1000;
    this.longest = Math.max(this.longest, stretch);
    this.#last = now;
  }
}

/** Runs the server from `dist/` in this process and measures its event loop. Options are JSON; replies use IPC. */
const { createServer } = createRequire(import.meta.url)(join(import.meta.dirname, "../../dist/server.js")) as {
  createServer(options: ServerOptions, logger: object): Server;
};
const quiet = () => {};
const options = { ...defaultOptions, ...JSON.parse(process.argv[2] as string), traffic: () => false };
const server = createServer(options, { error: quiet, warn: quiet, info: quiet, debug: quiet, trace: quiet });

const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
histogram.enable();
const stretches = new CpuStretches();
const answers: Record<Question, () => unknown> = {
  reset: () => {
    histogram.reset();
    stretches.reset();
  },
  longest: () => ({ wall: histogram.max / 1e6, cpu: stretches.longest }) satisfies Longest,
  idle: async () => {
    await delay(2000);
    const { rss } = process.memoryUsage();
    // the first collection's finalizers release further objects, and buffers are freed in the background
    for (let round = 0; round < 2; round++) {
      globalThis.gc?.();
      await delay(250);
    }
    const { heapUsed, external } = process.memoryUsage();
    return { resident: rss, kept: heapUsed + external };
  },
};
process.on("message", async (question: Question) => {
  process.send?.({ question, answer: (await answers[question]()) ?? null });
});
process.on("disconnect", () => process.exit());

await server.listen();
process.send?.({ question: "listening", answer: server.url });
