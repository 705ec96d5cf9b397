import { once } from "node:events";
import { createServer } from "node:http";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { PROOF_HEADER } from "../../src/shared/proof.ts";
import { describeInVsCode } from "../support/editor/describe.ts";
import { freePort, serviceOn } from "../support/editor/ports.ts";
import { PATIENCE, shows } from "../support/editor/waits.ts";
import {
  actions,
  clickAction,
  editorTexts,
  notifications,
  runCommand,
  selectAllOf,
  status,
  statusItem,
} from "../support/editor/workbench.ts";
import { simple } from "../support/harness.ts";
import { deferred, heldReply, reply, text } from "../support/replies.ts";

/** Bound for another window to take over; twice the promised time. */
const TAKE_OVER = { timeout: 10_000, interval: 100 };

describeInVsCode("several windows", (vsCode) => {
  let first: Page;
  let second: Page;
  let port: string;

  beforeAll(async () => {
    port = `Claude API :${vsCode().port}`;
    first = await vsCode().window();
    await shows(first, port, /running/i);
    second = await vsCode().window({ "question.md": "What is shared?" });
    await shows(second, port, /shared/i);
  }, 2 * PATIENCE.timeout);

  beforeEach(() => vsCode().fakeApi.reset());
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  test("share the server of the first", async () => {
    expect(await statusItem(second).locator(".codicon-link").count()).toBe(1);
    expect(await notifications(second)).toEqual([]);
    expect((await status(first)).label).not.toMatch(/shared/i);
  });

  test("show its requests in each", async () => {
    const { promise, resolve } = deferred();
    vsCode().fakeApi.respond = () => heldReply([text("Wait for it")], () => {}, promise);
    const answer = fetch(`${vsCode().baseURL}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": "any-key", "content-type": "application/json" },
      body: JSON.stringify(simple()),
    });
    try {
      await shows(first, `${port} (1)`, /running/i);
      await shows(second, `${port} (1)`, /shared/i);
    } finally {
      resolve();
    }
    expect((await answer).status).toBe(200);
    await shows(second, port, /shared/i);
  });

  test("send selections to it from the second", async () => {
    vsCode().fakeApi.respond = () => reply([text("A server.")]);
    const requests = async () => (await vsCode().channels()).map((log) => log.split("POST /v1/messages").length - 1);
    const before = await requests();
    await selectAllOf(second, "question.md");
    await runCommand(second, "Claude Virtual API: Send Selection");
    await expect.poll(async () => (await editorTexts(second))[1], PATIENCE).toBe("A server.");
    await expect.poll(requests, PATIENCE).toEqual([(before[0] ?? 0) + 1, 0]);
  });

  test("take over when its window closes", async () => {
    await first.close();
    await expect.poll(async () => (await status(second)).label, TAKE_OVER).toMatch(/running/i);
    expect(await serviceOn(vsCode().port)).toBe("claude-virtual-api");
    await shows(second, port, /running/i);
  });

  test("notify once that another program has the port, and offer another", async () => {
    await runCommand(second, "Stop Claude Virtual API");
    await shows(second, "Claude API", /stopped/i);
    const foreign = createServer((_request, response) => response.writeHead(404).end());
    await once(foreign.listen(vsCode().port, "127.0.0.1"), "listening");
    await runCommand(second, "Start Claude Virtual API");
    const words = `Port ${vsCode().port} is used by another program`;
    await expect.poll(() => notifications(second), PATIENCE).toEqual([expect.stringContaining(words)]);
    expect(await actions(second, words)).toEqual(["Use Another Port", "Open Settings"]);
    await shows(second, "Claude API", /failed/i);

    await clickAction(second, words, "Use Another Port");
    await shows(second, /^Claude API :\d+$/, /running/i);
    const other = Number(/\d+$/.exec((await status(second)).text)?.[0]);
    expect(other).not.toBe(vsCode().port);
    expect(await serviceOn(other)).toBe("claude-virtual-api");
    expect(await notifications(second)).toEqual([]);
    foreign.close();
  });

  test("send neither key nor text to a program that imitates a server", async () => {
    const received: string[] = [];
    const imitator = createServer((request, response) => {
      const head = `${request.method} ${request.url} ${JSON.stringify(request.headers)}`;
      const at = received.push(head) - 1;
      request.on("data", (chunk) => {
        received[at] += chunk;
      });
      response.setHeader(PROOF_HEADER, "0".repeat(64));
      request.on("end", () =>
        response.end(JSON.stringify({ service: "claude-virtual-api", requests: { running: 1 } })),
      );
    });
    const port = await freePort();
    await once(imitator.listen(port, "127.0.0.1"), "listening");
    await vsCode().settings({ "claudeVirtualApi.port": port, "claudeVirtualApi.requireApiKey": true });
    const words = `Port ${port} is used by a Claude Virtual API server that does not belong to this VS Code`;
    await expect.poll(() => notifications(second), PATIENCE).toContainEqual(expect.stringContaining(words));
    expect(await actions(second, words)).toEqual(["Use Another Port", "Open Settings"]);
    await shows(second, "Claude API", /failed/i);

    await selectAllOf(second, "question.md");
    await runCommand(second, "Claude Virtual API: Send Selection");
    const refusal = expect.stringContaining(`Claude Virtual API: ${words}`);
    await expect.poll(() => notifications(second), PATIENCE).toContainEqual(refusal);
    expect(received.length).toBeGreaterThan(1);
    for (const request of received) expect(request).toMatch(/^HEAD \/health /);
    expect(received.join()).not.toMatch(/cva-|x-api-key|authorization|What is shared/i);

    imitator.close();
    imitator.closeAllConnections();
    await shows(second, `Claude API :${port}`, /running/i);
  });
});
