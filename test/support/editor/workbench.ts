import type { Locator, Page } from "playwright-core";

const ITEM = '[id="claude-virtual-api.claude-virtual-api.claudeVirtualApi.status"]';

/** The extension's item in the status bar. */
export function statusItem(page: Page): Locator {
  return page.locator(ITEM);
}

/** The text and the label of the item, with single spaces; empty if there is no item. */
export async function status(page: Page): Promise<{ text: string; label: string }> {
  const item = statusItem(page);
  if ((await item.count()) === 0) return { text: "", label: "" };
  const [text, label] = await Promise.all([item.innerText(), item.locator("a").getAttribute("aria-label")]);
  const tidy = (value: string | null) => (value ?? "").replace(/\s+/g, " ").trim();
  return { text: tidy(text), label: tidy(label) };
}

export async function clickStatusItem(page: Page): Promise<void> {
  await statusItem(page).locator("a").click();
}

/** Types this text into the command palette and runs the first match. */
export async function runCommand(page: Page, label: string): Promise<void> {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").first().fill(`>${label}`);
  await page.locator(".quick-input-list .monaco-list-row").filter({ hasText: label }).first().waitFor();
  await page.keyboard.press("Enter");
}

/** Types an answer into the input box and submits it. */
export async function answerBox(page: Page, answer: string): Promise<void> {
  const box = page.locator(".quick-input-widget:visible .quick-input-box input");
  await box.and(page.locator(':not([placeholder*="command"])')).fill(answer);
  await page.keyboard.press("Enter");
}

/** The messages of the visible notifications. */
export function notifications(page: Page): Promise<string[]> {
  return page.locator(".notification-list-item-message").allInnerTexts();
}

/** The notification with this text, with its buttons. */
export function notification(page: Page, words: string | RegExp): Locator {
  return page.locator(".notification-list-item").filter({ hasText: words });
}

/** The labels of a notification's buttons. */
export function actions(page: Page, words: string | RegExp): Promise<string[]> {
  return notification(page, words).locator(".notification-list-item-buttons-container .monaco-button").allInnerTexts();
}

export async function clickAction(page: Page, words: string | RegExp, action: string): Promise<void> {
  await notification(page, words).getByRole("button", { name: action, exact: true }).click();
}

/** Opens a file of the window's folder from the explorer and selects all of it. */
export async function selectAllOf(page: Page, file: string): Promise<void> {
  await page.locator(".explorer-folders-view .monaco-list-row").filter({ hasText: file }).dblclick();
  await page.locator(".monaco-editor.focused .view-line span").first().waitFor();
  await page.keyboard.press("Control+A");
  await page.locator('[id="status.editor.selection"]').filter({ hasText: "selected" }).waitFor();
}

/** The text of each visible editor, one per group, from left to right, with plain spaces. */
export async function editorTexts(page: Page): Promise<string[]> {
  const texts = await page.locator(".editor-group-container .view-lines").allInnerTexts();
  return texts.map((text) => text.replaceAll("\u00a0", " "));
}

/** The language of the document in the second group of editors. */
export function languageBeside(page: Page): Promise<string | null> {
  return page.locator(".editor-group-container [data-mode-id]").nth(1).getAttribute("data-mode-id");
}
