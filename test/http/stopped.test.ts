import { expect, it } from "vitest";
import { QUICK } from "../support/full.ts";
import { simple, startApp, until } from "../support/harness.ts";

it.skipIf(QUICK || process.platform === "win32")(
  "replaces workers that were stopped while idle, both a blank one and one with a key",
  async () => {
    await using app = await startApp({ warm: 1, maxConcurrent: 2, transport: "overlay" });
    const pids = (what: string) =>
      app.log.flatMap((line) => new RegExp(`worker (\\d+):? ${what}`).exec(line)?.[1] ?? []);
    // its worker then waits for requests without a system prompt
    expect(await app.server.checkCli()).toBeUndefined();
    await until(() => pids("is ready").length === 2);
    const stopped = pids("is ready");
    for (const pid of stopped) process.kill(Number(pid), "SIGSTOP");
    const [keyed, blank] = await Promise.all([app.post(simple()), app.post(simple("b", { system: "another" }))]);
    expect([keyed.status, blank.status]).toEqual([200, 200]);
    expect(app.fakeApi.messages).toHaveLength(2);
    expect(pids("Claude Code stopped responding for 5 s").sort()).toEqual(stopped.sort());
  },
);
