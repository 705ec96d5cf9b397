import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Api } from "../support/editor/api.ts";
import { describeInVsCode } from "../support/editor/describe.ts";
import {
  answerQuestion,
  badge,
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
import { editorTexts, notifications, runCommand } from "../support/editor/workbench.ts";
import { deferred, echo, failure, heldReply, text } from "../support/replies.ts";

/** Batch requests that run at once: half of the default concurrency. */
const PLACES = 4;

describeInVsCode("the view of batches", (vsCode) => {
  const api = new Api(() => vsCode().baseURL);
  let page: Page;
  let view: Locator;

  beforeAll(async () => {
    page = await vsCode().window();
    view = section(page, "Batches");
    await shows(page, `Claude API :${vsCode().port}`, /running/i);
    await openView(page);
  }, PATIENCE.timeout);

  beforeEach(async () => {
    vsCode().fakeApi.reset();
    for (const id of await api.batches()) await api.deleteBatch(id);
    await showsItems();
  });
  afterAll(() => page?.close());

  const showsItems = (...endings: string[]) =>
    expect
      .poll(() => itemsOf(view), PATIENCE)
      .toEqual(endings.map((ending) => expect.stringMatching(new RegExp(String.raw`\d [AP]M ${ending}$`))));
  const showsBadge = (number: string) => expect.poll(() => badge(page), PATIENCE).toBe(number);

  /** Makes the fake API delay marked requests. */
  const holdBack = () => {
    const { promise, resolve } = deferred();
    vsCode().fakeApi.respond = ({ body, raw }) =>
      raw.includes("Wait") ? heldReply([text("At last")], () => {}, promise) : echo(body);
    return resolve;
  };

  test("explains batches while there are none, and follows changes over HTTP", async () => {
    await expect.poll(() => welcomeOf(view), PATIENCE).toMatch(/^No batches yet\. .*Learn more$/);
    const id = await api.createBatch("One");
    await showsItems("1 succeeded");
    expect(await welcomeOf(view)).toBe("");
    await api.deleteBatch(id);
    await showsItems();
    await expect.poll(() => welcomeOf(view), PATIENCE).toMatch(/^No batches yet/);
  });

  test("shows the progress of a batch, and a badge on the icon", async () => {
    const resolve = holdBack();
    try {
      await api.createBatch("One", "Wait", "Wait, too");
      await showsItems("1 of 3");
      await showsBadge("1");
      await api.createBatch("Wait");
      await showsItems("0 of 1", "1 of 3");
      await showsBadge("2");
    } finally {
      resolve();
    }
    await showsItems("1 succeeded", "3 succeeded");
    await showsBadge("");
  });

  test("opens the results", async () => {
    const id = await api.createBatch("One", "Two", "Three");
    await showsItems("3 succeeded");
    await clickInline(item(view, "3 succeeded"), "Open Results", () => shown(page.locator(".tab.active")));
    const results = async () =>
      (await editorTexts(page))
        .join()
        .match(/"custom_id":"[^"]*"|You said: \w+/g)
        ?.toSorted();
    const expected = ["One", "Two", "Three"].flatMap((said, index) => [
      `"custom_id":"request-${index + 1}"`,
      `You said: ${said}`,
    ]);
    await expect.poll(results, PATIENCE).toEqual(expected.toSorted());
    expect(await page.locator(".tab.active").getAttribute("data-resource-name")).toBe(`${id}.jsonl`);
    await runCommand(page, "View: Close All Editors");
  });

  test("cancels a batch: running requests finish, the rest is not sent", async () => {
    const resolve = holdBack();
    try {
      const id = await api.createBatch(...Array(PLACES + 2).fill("Wait"));
      await expect.poll(() => vsCode().fakeApi.messages, PATIENCE).toHaveLength(PLACES);
      await clickInline(item(view, `0 of ${PLACES + 2}`), "Cancel Batch", () => shown(item(view, "canceling")));
      await showsItems("canceling");
      expect(await api.batch(id)).toMatchObject({ processing_status: "canceling", ended_at: null });
    } finally {
      resolve();
    }
    await showsItems(`${PLACES} succeeded, 2 canceled`);
    expect(vsCode().fakeApi.messages).toHaveLength(PLACES);
  });

  test("asks before it deletes a batch", async () => {
    const id = await api.createBatch("One");
    await showsItems("1 succeeded");
    await chooseFromMenu(item(view, "1 succeeded"), "Delete Batch");
    await answerQuestion(question(page, id), "Cancel");
    expect(await api.batches()).toEqual([id]);
    await chooseFromMenu(item(view, "1 succeeded"), "Delete Batch");
    await answerQuestion(question(page, id), "Delete");
    await showsItems();
    expect(await api.batches()).toEqual([]);
    expect(await notifications(page)).toEqual([]);
  });

  test("shows until when and why batches pause, and resumes them after a restart", async () => {
    vsCode().fakeApi.respond = () => failure(429, "rate_limit_error", "Slow down.", { "retry-after": "7200" });
    await api.createBatch("One");
    await showsItems(String.raw`0 of 1 · paused until .*\d [AP]M: Slow down\.`);
    vsCode().fakeApi.reset();
    await runCommand(page, "Stop Claude Virtual API");
    const stopped = "The server is not running. Start Claude Virtual API";
    await expect.poll(() => welcomeOf(view), PATIENCE).toBe(stopped);
    await expect.poll(() => welcomeOf(section(page, "Files")), PATIENCE).toBe(stopped);
    expect(await itemsOf(view)).toEqual([]);
    await showsBadge("");
    await view.getByRole("button", { name: "Start Claude Virtual API" }).click();
    await shows(page, `Claude API :${vsCode().port}`, /running/i);
    await showsItems("1 succeeded");
  });
});
