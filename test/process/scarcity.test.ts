import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fakeCli } from "../support/fakeCli.ts";
import { scratchHome, simple } from "../support/harness.ts";
import { startServerProcess } from "../support/serverProcess.ts";

/** Workers need three descriptors each, clients one each. */
const DESCRIPTORS = 64;
const REQUESTS = 12;

/** A server with a fake CLI. */
async function limitedServer(home: string) {
  const args = ["--max-concurrent", String(REQUESTS), "--claude", await fakeCli(home, "() => false")];
  const limited = join(home, "limited-node");
  await writeFile(limited, `#!/bin/sh\nulimit -n ${DESCRIPTORS} && exec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  return startServerProcess(args, {}, limited);
}

describe.skipIf(process.platform !== "linux")("a server with few file descriptors", () => {
  it("answers 529 to requests that it cannot serve, and goes on", async () => {
    await using scratch = await scratchHome();
    await using server = await limitedServer(scratch.home);
    expect(readFileSync(`/proc/${server.child.pid}/limits`, "utf8")).toMatch(/Max open files +64 /);
    const statuses = await Promise.all(
      Array.from({ length: REQUESTS }, async (_, number) => {
        // separate system prompts, so that each needs a worker
        const response = await server.post({ ...simple(), system: `${number}` });
        const body = (await response.json()) as { error?: { type: string; message: string } };
        if (response.status !== 200) expect(body.error?.type).toMatch(/^(overloaded_error|api_error)$/);
        return response.status;
      }),
    );
    for (const status of statuses) expect([200, 529]).toContain(status);
    expect(statuses).toContain(200);
    expect(statuses).toContain(529);
    expect(server.child.exitCode).toBeNull();
    expect((await server.post(simple("next"))).status).toBe(200);
    expect(server.output.stderr).not.toMatch(/TypeError|unhandled|uncaught/i);
  });

  it("frees the descriptors of idle workers for a request that needs a worker", async () => {
    await using scratch = await scratchHome();
    await using server = await limitedServer(scratch.home);
    const statuses: number[] = [];
    for (let number = 0; number < 2 * REQUESTS; number++) {
      // separate system prompts, so that each needs a worker and leaves it idle
      statuses.push((await server.post({ ...simple(), system: `${number}` })).status);
    }
    expect(statuses).toEqual(statuses.map(() => 200));
  });
});
