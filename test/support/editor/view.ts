import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { PATIENCE, shown } from "./waits.ts";

/** Bound for one attempt to click. */
const CLICK = 5_000;

const ICON = '.activitybar .action-item:has(> [aria-label^="Claude Virtual API"])';

/** Opens the extension's view container by its icon. */
export async function openView(page: Page): Promise<void> {
  await page.locator(ICON).click();
  await section(page, "Files").waitFor();
}

/** The view with its header. */
export function section(page: Page, name: "Batches" | "Files"): Locator {
  return page.locator(`.pane:has(> .pane-header[aria-label^="${name}"])`);
}

/** Name and description of each item of a view, with plain spaces. */
export async function itemsOf(view: Locator): Promise<string[]> {
  const parts = view.locator(".monaco-list-row .monaco-icon-label-container");
  const texts = await parts.evaluateAll((labels: { children: Iterable<{ textContent: string }> }[]) =>
    labels.map(({ children }) => Array.from(children, ({ textContent }) => textContent).join(" ")),
  );
  return texts.map((text) => text.replace(/\s+/g, " ").trim());
}

/** The item with this text in its name or description. */
export function item(view: Locator, words: string): Locator {
  return view.locator(".monaco-list-row").filter({ hasText: words });
}

/** Clicks a button of a hovered item until `took` succeeds: an item that is redrawn loses the click. */
export async function clickInline(row: Locator, action: string, took: () => Promise<boolean>): Promise<void> {
  const button = row.getByRole("button", { name: action, exact: true });
  const click = async () => {
    await row.hover({ timeout: CLICK });
    await button.click({ timeout: CLICK });
  };
  await expect
    .poll(async () => {
      // a successful click may have removed the button
      await click().catch(() => {});
      return await took();
    }, PATIENCE)
    .toBe(true);
}

/** Chooses an entry of an item's context menu. */
export async function chooseFromMenu(row: Locator, action: string): Promise<void> {
  const page = row.page();
  const entry = page.locator(".monaco-menu").getByRole("menuitem", { name: action, exact: true });
  await expect
    .poll(async () => {
      await row.click({ button: "right", timeout: CLICK }).catch(() => {});
      return await shown(entry);
    }, PATIENCE)
    .toBe(true);
  await entry.hover();
  // a menu ignores clicks just after it has opened
  await page.locator(".monaco-menu .action-item.focused").filter({ hasText: action }).waitFor();
  await page.keyboard.press("Enter");
}

/** The welcome text of the view, with single spaces; empty if it has items. */
export async function welcomeOf(view: Locator): Promise<string> {
  const texts = await view.locator(".welcome-view-content:visible").allInnerTexts();
  return texts.join(" ").replace(/\s+/g, " ").trim();
}

/** The badge on the view's icon, or empty. */
export async function badge(page: Page): Promise<string> {
  return (await page.locator(`${ICON} .badge-content:visible`).allInnerTexts()).join();
}

/** The modal dialog with this text. */
export function question(page: Page, words: string): Locator {
  return page.locator(".monaco-dialog-box").filter({ hasText: words });
}

export async function answerQuestion(asked: Locator, answer: string): Promise<void> {
  await asked.getByRole("button", { name: answer, exact: true }).click();
  await asked.waitFor({ state: "detached" });
}
