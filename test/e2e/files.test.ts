import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Api } from "../support/editor/api.ts";
import { describeInVsCode } from "../support/editor/describe.ts";
import {
  answerQuestion,
  chooseFromMenu,
  clickInline,
  item,
  itemsOf,
  openView,
  question,
  section,
  welcomeOf,
} from "../support/editor/view.ts";
import { PATIENCE, shown, shows } from "../support/editor/waits.ts";
import { clickAction, editorTexts, notifications, runCommand } from "../support/editor/workbench.ts";

describeInVsCode("the view of files", (vsCode) => {
  const api = new Api(() => vsCode().baseURL);
  let page: Page;
  let view: Locator;

  beforeAll(async () => {
    page = await vsCode().window({ "chosen one.txt": "Content" });
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    view = section(page, "Files");
    await shows(page, `Claude API :${vsCode().port}`, /running/i);
    await openView(page);
  }, PATIENCE.timeout);

  beforeEach(async () => {
    for (const id of Object.values(await api.files())) await api.deleteFile(id);
    await showsItems();
  });
  afterAll(() => page?.close());

  const showsItems = (...items: string[]) =>
    expect
      .poll(() => itemsOf(view), PATIENCE)
      .toEqual(items.map((start) => expect.stringMatching(new RegExp(String.raw`^${start} · .*\d [AP]M$`))));
  const clipboard = () => page.evaluate<string>("navigator.clipboard.readText()");

  test("explains files while there are none, and follows changes over HTTP", async () => {
    await expect.poll(() => welcomeOf(view), PATIENCE).toMatch(/^No files yet\. .*Learn more Upload File…$/);
    const id = await api.upload("first.txt", "One");
    await showsItems("first.txt 3 bytes");
    await api.upload("second.txt", "x".repeat(1234));
    await showsItems("second.txt 1.2 kB", "first.txt 3 bytes");
    await api.deleteFile(id);
    await showsItems("second.txt 1.2 kB");
  });

  test.each([
    ["the command", () => runCommand(page, "Claude Virtual API: Upload File…")],
    ["the button of the empty view", () => view.getByRole("button", { name: "Upload File…" }).last().click()],
  ])("uploads the file that is chosen after %s, and offers its id", async (_what, begin) => {
    await begin();
    await page.locator(".quick-input-list .monaco-list-row").filter({ hasText: "chosen one.txt" }).click();
    await showsItems("chosen one.txt 7 bytes");
    const { "chosen one.txt": id } = await api.files();
    const words = `Uploaded chosen one.txt. Use its ID in requests: ${id}`;
    await expect.poll(() => notifications(page), PATIENCE).toEqual([words]);
    await clickAction(page, words, "Copy ID");
    await expect.poll(clipboard, PATIENCE).toBe(id);
    await expect.poll(() => notifications(page), PATIENCE).toEqual([]);
  });

  test("opens a file read-only", async () => {
    await api.upload("read.txt", "What it says");
    await showsItems("read.txt 12 bytes");
    const texts = async () => {
      await item(view, "read.txt").click();
      return editorTexts(page);
    };
    await expect.poll(texts, PATIENCE).toEqual(["What it says"]);
    const refusal = page.locator(".monaco-editor-overlaymessage").filter({ hasText: "read-only" });
    // an editor that is still opening may lose the focus, and the keys
    await expect
      .poll(async () => {
        await page.locator(".editor-group-container .view-lines").click();
        await page.keyboard.type("No");
        return await shown(refusal);
      }, PATIENCE)
      .toBe(true);
    expect(await editorTexts(page)).toEqual(["What it says"]);
    await runCommand(page, "View: Close All Editors");
  });

  test("copies the id of a file", async () => {
    const id = await api.upload("named.txt", "One");
    await showsItems("named.txt 3 bytes");
    await clickInline(item(view, "named.txt"), "Copy File ID", async () => (await clipboard()) === id);
  });

  test("asks before it deletes a file", async () => {
    const id = await api.upload("gone.txt", "One");
    await showsItems("gone.txt 3 bytes");
    await chooseFromMenu(item(view, "gone.txt"), "Delete File");
    await answerQuestion(question(page, "Delete the uploaded file gone.txt?"), "Cancel");
    expect(await api.files()).toEqual({ "gone.txt": id });
    const asked = question(page, "Delete the uploaded file gone.txt?");
    await clickInline(item(view, "gone.txt"), "Delete File", () => shown(asked));
    await answerQuestion(asked, "Delete");
    await showsItems();
    expect(await api.files()).toEqual({});
    expect(await notifications(page)).toEqual([]);
  });
});
