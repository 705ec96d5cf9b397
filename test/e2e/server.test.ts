import Anthropic from "@anthropic-ai/sdk";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { missing } from "../support/editor/chromium.ts";
import { describeInVsCode } from "../support/editor/describe.ts";
import { freePort, isFree, serviceOn } from "../support/editor/ports.ts";
import { PATIENCE, shows } from "../support/editor/waits.ts";
import { actions, answerBox, clickStatusItem, notifications, runCommand } from "../support/editor/workbench.ts";
import { deferred, heldReply, text } from "../support/replies.ts";
import { workersOf } from "../support/serverProcess.ts";

const apiKey = "sk-ant-api03-of-a-client-outside";
const ownKey = "a key of the user's own";
const question = { model: "sonnet", max_tokens: 100, messages: [{ role: "user" as const, content: "Hello there" }] };

if (missing()) console.warn(`The tests in a real VS Code are skipped: ${missing()}.`);

describeInVsCode("the server", (vsCode) => {
  let page: Page;
  let running: string;
  let sdk: Anthropic;

  beforeAll(async () => {
    running = `Claude API :${vsCode().port}`;
    sdk = new Anthropic({ baseURL: vsCode().baseURL, apiKey, maxRetries: 0 });
    page = await vsCode().window();
    await shows(page, running, /running/i);
  }, PATIENCE.timeout);

  beforeEach(() => vsCode().fakeApi.reset());
  afterAll(() => page?.close());

  const channel = async () => (await vsCode().channels()).join("");

  const streamed = async () => {
    const deltas: string[] = [];
    await sdk.messages
      .stream(question)
      .on("text", (delta) => void deltas.push(delta))
      .done();
    return deltas;
  };

  test("starts with the installed extension and identifies itself", async () => {
    const answer = await fetch(`${vsCode().baseURL}/health`);
    expect(await answer.json()).toMatchObject({ status: "ok", service: "claude-virtual-api" });
    expect(await notifications(page)).toEqual([]);
  });

  test("streams a message to the official SDK outside the editor", async () => {
    expect(await streamed()).toEqual(["You ", "said: ", "Hello ", "there"]);
    expect(vsCode().fakeApi.messages).toHaveLength(1);
  });

  test("shows how many requests are in flight", async () => {
    const { promise, resolve } = deferred();
    vsCode().fakeApi.respond = () => heldReply([text("Wait for it")], () => {}, promise);
    const answers = Promise.allSettled([streamed(), streamed()]);
    await shows(page, `${running} (2)`, /running/i).finally(resolve);
    await answers;
    await shows(page, running, /running/i);
  });

  test("stops and starts by clicks on the item", async () => {
    await clickStatusItem(page);
    await shows(page, "Claude API", /stopped/i);
    expect(await isFree(vsCode().port)).toBe(true);
    expect(workersOf(vsCode().home)).toEqual([]);
    await clickStatusItem(page);
    await shows(page, running, /running/i);
    expect(await serviceOn(vsCode().port)).toBe("claude-virtual-api");
  });

  test("runs the commands of the palette", async () => {
    await runCommand(page, "Stop Claude Virtual API");
    await shows(page, "Claude API", /stopped/i);
    expect(await isFree(vsCode().port)).toBe(true);
    await runCommand(page, "Start Claude Virtual API");
    await shows(page, running, /running/i);
    expect(await streamed()).toContain("Hello ");
    expect(await notifications(page)).toEqual([]);
  });

  test("writes one line for each request into the output channel", async () => {
    const before = await channel();
    await streamed();
    const line =
      /\[info\] POST \/v1\/messages claude-sonnet-[\d-]+ 200 · 12 in, 7 out · first event \d+ ms · \d+ ms$/gm;
    const lines = async () => (await channel()).slice(before.length).match(line) ?? [];
    await expect.poll(lines, PATIENCE).toHaveLength(1);
    expect((await channel()).slice(before.length)).not.toContain("Hello");
  });

  test("logs each event in order, and at once, with the traffic setting on", async () => {
    await vsCode().settings({ "claudeVirtualApi.traffic": true });
    await expect.poll(async () => (await streamed()) && (await channel()), PATIENCE).toMatch(/ ← .*"message_stop"/);
    const { promise, resolve } = deferred();
    vsCode().fakeApi.respond = () => heldReply([text("Wait for it")], () => {}, promise);
    const start = ["message_start", "content_block_start"];
    const rest = [...Array(3).fill("content_block_delta"), "content_block_stop", "message_delta", "message_stop"];
    const before = (await channel()).length;
    const events = async () =>
      Array.from((await channel()).slice(before).matchAll(/ ← \{"type":"(\w+)"/g), ([, type]) => type);
    const answer = streamed();
    await expect.poll(events, PATIENCE).toEqual(start).finally(resolve);
    await answer;
    await expect.poll(events, PATIENCE).toEqual([...start, ...rest]);
    await vsCode().settings();
  });

  test("moves to another port at once while running requests finish", async () => {
    const { promise, resolve } = deferred();
    const begun = deferred();
    vsCode().fakeApi.respond = () => heldReply([text("Wait for it")], begun.resolve, promise);
    const answer = streamed();
    await begun.promise;
    const other = await freePort();
    await vsCode().settings({ "claudeVirtualApi.port": other });
    await shows(page, `Claude API :${other}`, /running/i).finally(resolve);
    expect(await isFree(vsCode().port)).toBe(true);
    expect(await answer).toEqual(["Wait ", "for ", "it"]);
    await vsCode().settings();
    await shows(page, running, /running/i);
  });

  test("requires the key that the user set", async () => {
    await runCommand(page, "Claude Virtual API: Set or Clear API Key");
    await answerBox(page, ownKey);
    const outcome = (key: string) =>
      sdk
        .withOptions({ apiKey: key })
        .messages.create(question)
        .then(
          () => "answered",
          (error: Error) => error.name,
        );
    await expect.poll(() => outcome(apiKey), PATIENCE).toBe("AuthenticationError");
    expect(await outcome(ownKey)).toBe("answered");
    await runCommand(page, "Claude Virtual API: Set or Clear API Key");
    await answerBox(page, "");
    await expect.poll(() => outcome(apiKey), PATIENCE).toBe("answered");
  });

  test("writes no key to any log file", async () => {
    await streamed();
    const logs = await vsCode().logs();
    expect(logs.some(([, content]) => content.includes("POST /v1/messages"))).toBe(true);
    const leaking = logs.filter(([, content]) => [apiKey, ownKey, "sk-test-key"].some((key) => content.includes(key)));
    expect(leaking.map(([path]) => path)).toEqual([]);
  });

  test("notifies once that the CLI cannot be used, and recovers when that is fixed", async () => {
    await vsCode().settings({ "claudeVirtualApi.claudePath": "/nowhere/claude" });
    const words = "Claude Code cannot be used: '/nowhere/claude'";
    await expect.poll(() => notifications(page), PATIENCE).toEqual([expect.stringContaining(words)]);
    expect(await actions(page, words)).toEqual(["Set Path", "Install Claude Code"]);
    await vsCode().settings();
    await expect.poll(() => streamed().catch(() => []), PATIENCE).toContain("Hello ");
    expect(await notifications(page)).toHaveLength(1);
  });

  test("leaves no process and a free port when its window closes", async () => {
    expect(workersOf(vsCode().home)).not.toEqual([]);
    await page.close();
    await expect.poll(() => isFree(vsCode().port), PATIENCE).toBe(true);
    await expect.poll(() => workersOf(vsCode().home), PATIENCE).toEqual([]);
  });

  test("does not start with autoStart off", async () => {
    await vsCode().settings({ "claudeVirtualApi.autoStart": false });
    page = await vsCode().window();
    await shows(page, "Claude API", /stopped/i);
    expect(await isFree(vsCode().port)).toBe(true);
    expect(workersOf(vsCode().home)).toEqual([]);
    await runCommand(page, "Start Claude Virtual API");
    await shows(page, running, /running/i);
    expect(await streamed()).toContain("Hello ");
  });

  test("runs the self-check on command", async () => {
    await runCommand(page, "Claude Virtual API: Run Self-Check");
    const passed = expect.stringContaining("Claude Code passed the self-check.");
    await expect.poll(() => notifications(page), PATIENCE).toEqual([passed]);
    expect(await channel()).toMatch(/\[info\] ✓ one call after max_tokens$/m);
  });

  test("leaves no process and a free port when VS Code ends", async () => {
    expect(workersOf(vsCode().home)).not.toEqual([]);
    await vsCode().host.end();
    await expect.poll(() => isFree(vsCode().port), PATIENCE).toBe(true);
    await expect.poll(() => workersOf(vsCode().home), PATIENCE).toEqual([]);
  });
});
