import type { Locator, Page } from "playwright-core";
import { expect, vi } from "vitest";
import { status } from "./workbench.ts";

/** Bound for a condition on two busy cores. */
export const PATIENCE = { timeout: 60_000, interval: 100 };

/** Waits until the item's text is `text`, or matches it, and its label matches `label`. */
export async function shows(page: Page, text: string | RegExp, label: RegExp): Promise<void> {
  const wanted = {
    text: typeof text === "string" ? text : expect.stringMatching(text),
    label: expect.stringMatching(label),
  };
  await vi.waitFor(async () => expect(await status(page)).toEqual(wanted), PATIENCE);
}

/** Resolves with whether an element is visible within two seconds. */
export function shown(element: Locator): Promise<boolean> {
  return element.waitFor({ timeout: 2_000 }).then(
    () => true,
    () => false,
  );
}
