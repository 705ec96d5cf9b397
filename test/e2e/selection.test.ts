import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeInVsCode } from "../support/editor/describe.ts";
import { interrupted } from "../support/editor/interrupted.ts";
import { PATIENCE, shows } from "../support/editor/waits.ts";
import {
  answerBox,
  editorTexts,
  languageBeside,
  notification,
  notifications,
  runCommand,
  selectAllOf,
} from "../support/editor/workbench.ts";
import { deferred, reply, text } from "../support/replies.ts";

const SEND = "Claude Virtual API: Send Selection";
// TypeScript's extension shows an error in a code-server without tsserver
const code = "greeting = 'Hello'";

describeInVsCode("sending a selection", (vsCode) => {
  let page: Page;

  beforeAll(async () => {
    page = await vsCode().window({ "greeting.py": code });
    await shows(page, `Claude API :${vsCode().port}`, /running/i);
    await selectAllOf(page, "greeting.py");
  }, PATIENCE.timeout);

  const isOver = () => expect.poll(() => notification(page, "Claude is answering").count(), PATIENCE).toBe(0);

  beforeEach(async () => {
    await isOver();
    vsCode().fakeApi.reset();
  });
  afterAll(() => page?.close());

  /** Sends the selection once; resolves with the model that was called. */
  const send = async (): Promise<string> => {
    vsCode().fakeApi.messages.length = 0;
    await runCommand(page, SEND);
    await expect.poll(() => vsCode().fakeApi.messages, PATIENCE).toHaveLength(1);
    // the notification appears with a delay, so its absence does not show the end
    await vsCode().fakeApi.messages[0]?.finished;
    await isOver();
    return vsCode().fakeApi.messages[0]?.body.model;
  };
  /** Clicks each Cancel on screen until the call has ended: the first one may still be that of the request before. */
  const cancelUntilEnded = async () => {
    let wasAnswered: boolean | undefined;
    void vsCode().fakeApi.messages[0]?.finished.then((finished) => {
      wasAnswered = finished;
    });
    const cancel = notification(page, "Claude is answering").getByRole("button", { name: "Cancel", exact: true });
    const clickAll = async () => {
      for (const button of await cancel.all()) await button.click({ timeout: 2000 }).catch(() => {});
      return wasAnswered;
    };
    await expect.poll(clickAll, PATIENCE).toBe(false);
  };
  const beside = async () => (await editorTexts(page))[1];

  test("writes the answer into a Markdown document beside the editor while it streams", async () => {
    const { promise, resolve } = deferred();
    vsCode().fakeApi.respond = () => interrupted("It greets the **world**.", 2, promise);
    await runCommand(page, SEND);
    try {
      await expect.poll(beside, PATIENCE).toMatch(/^It greets\s*$/);
      await expect.poll(() => notifications(page), PATIENCE).toEqual(["Claude is answering"]);
    } finally {
      resolve();
    }
    await expect.poll(beside, PATIENCE).toBe("It greets the **world**.");
    expect(await languageBeside(page)).toBe("markdown");
    await isOver();
    expect(await notifications(page)).toEqual([]);
    expect((await editorTexts(page))[0]).toBe(code);
  });

  test("sends upstream the text, its language and the name of the file", async () => {
    vsCode().fakeApi.respond = () => reply([text("Seen.")]);
    await runCommand(page, SEND);
    await expect.poll(beside, PATIENCE).toBe("Seen.");
    expect(vsCode().fakeApi.messages).toHaveLength(1);
    const sent = JSON.stringify(vsCode().fakeApi.messages[0]?.body.messages);
    for (const part of [code, "python", "greeting.py"]) expect(sent).toContain(part);
  });

  test("stops the upstream call when it is cancelled in mid-answer", async () => {
    const { promise, resolve } = deferred();
    vsCode().fakeApi.respond = () => interrupted("Never to be finished, this one.", 2, promise);
    await runCommand(page, SEND);
    try {
      await expect.poll(beside, PATIENCE).toMatch(/^Never to\s*$/);
      await cancelUntilEnded();
    } finally {
      resolve();
    }
    await isOver();
    expect(await notifications(page)).toEqual([]);
    await shows(page, `Claude API :${vsCode().port}`, /running/i);
    expect(await beside()).toMatch(/^Never to\s*$/);
  });

  test("asks the user for an instruction", async () => {
    vsCode().fakeApi.respond = () => reply([text("It does.")]);
    await runCommand(page, "Claude Virtual API: Ask About Selection…");
    await answerBox(page, "Does this greet?");
    await expect.poll(beside, PATIENCE).toBe("It does.");
    expect(vsCode().fakeApi.messages[0]?.body.messages[0].content).toMatch(/^Does this greet\?\n\n.*greeting\.py/);
  });

  test("goes to the model chosen from the list", async () => {
    await runCommand(page, "Claude Virtual API: Choose Default Model");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "haiku" }).first().click();
    // VS Code applies a setting after a delay
    await expect.poll(send, PATIENCE).toMatch(/^claude-haiku-/);
  });

  test("starts a stopped server first", async () => {
    await runCommand(page, "Stop Claude Virtual API");
    await shows(page, "Claude API", /stopped/i);
    vsCode().fakeApi.respond = () => reply([text("Up again.")]);
    await runCommand(page, SEND);
    await expect.poll(beside, PATIENCE).toBe("Up again.");
    await shows(page, `Claude API :${vsCode().port}`, /running/i);
  });

  test("is replaced by the code of the answer with the setting `replace`", async () => {
    await vsCode().settings({ "claudeVirtualApi.selectionTarget": "replace" });
    vsCode().fakeApi.respond = () => reply([text("```python\ngreeting = 'Bonjour'\n```")]);
    const sent = async () => (await send()) && (await editorTexts(page))[0];
    await expect.poll(sent, PATIENCE).toBe("greeting = 'Bonjour'");
  });
});
