import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClaudeClient } from "../src/client.ts";
import { claudePath } from "../test/support/claude.ts";
import { FakeApi } from "../test/support/fakeApi.ts";

/** The first free port from `port` on. */
async function freePort(port: number): Promise<number> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
  return free ? port : freePort(port + 1);
}

const fakeApi = await FakeApi.start();
const home = await mkdtemp(join(tmpdir(), "claude-virtual-api-demo-"));
const port = await freePort(8080);
const server = spawn(
  process.execPath,
  [
    join(import.meta.dirname, "../dist/cli.js"),
    "--port",
    String(port),
    "--claude",
    claudePath(),
    "--data-dir",
    home,
    "--log-level",
    "warn",
  ],
  {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env.PATH, HOME: home, ANTHROPIC_BASE_URL: fakeApi.url, ANTHROPIC_API_KEY: "demo" },
  },
);
const stop = () => server.kill("SIGTERM");
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
server.once("exit", async (code) => {
  await fakeApi.close();
  await rm(home, { recursive: true, force: true });
  process.exit(code ?? 1);
});

await once(server.stdout, "data");
const baseURL = `http://127.0.0.1:${port}`;
if (port !== 8080) process.stdout.write(`Port 8080 is taken, so this is ${port}.\n`);
process.stdout.write(
  `\nClaude Virtual API listens on ${baseURL}; a fake API plays Anthropic's part, the Claude Code CLI is real.\n`,
);
process.stdout.write(`\n> Hello, Claude!\n`);
for await (const text of new ClaudeClient({ baseURL }).messageStream("Hello, Claude!")) process.stdout.write(text);
process.stdout.write(`

Try it yourself:

  curl ${baseURL}/v1/messages \\
    -H "x-api-key: any-key" -H "content-type: application/json" \\
    -d '{"model": "sonnet", "max_tokens": 100, "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}'

Ctrl-C ends the demo.
`);
