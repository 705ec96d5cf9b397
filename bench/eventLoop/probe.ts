import { createRequire } from "node:module";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { defaultOptions, type ServerOptions } from "../../src/options.ts";
import type { Server } from "../../src/server.ts";

/** What the parent asks for; each is answered by one message. */
export type Question = "reset" | "longest" | "idle";

/** The server from `dist/`, alone in its process, with a meter of its event loop. Options come as JSON, answers go by IPC. */
const { createServer } = createRequire(import.meta.url)(join(import.meta.dirname, "../../dist/server.js")) as {
  createServer(options: ServerOptions, logger: object): Server;
};
const quiet = () => {};
const options = { ...defaultOptions, ...JSON.parse(process.argv[2] as string), traffic: () => false };
const server = createServer(options, { error: quiet, warn: quiet, info: quiet, debug: quiet, trace: quiet });

const histogram = monitorEventLoopDelay({ resolution: 2 });
histogram.enable();
const answers: Record<Question, () => unknown> = {
  reset: () => histogram.reset(),
  longest: () => histogram.max / 1e6,
  idle: async () => {
    await delay(2000);
    const { rss } = process.memoryUsage();
    globalThis.gc?.();
    await delay(50);
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
