import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { Api } from "../support/editor/api.ts";
import { interrupted } from "../support/editor/interrupted.ts";
import { isFree } from "../support/editor/ports.ts";
import { smallPng } from "../support/editor/smallPng.ts";
import { item, openView, section } from "../support/editor/view.ts";
import { startVsCode, type VsCode } from "../support/editor/vscode.ts";
import { notification, runCommand, selectAllOf, statusItem } from "../support/editor/workbench.ts";
import { deferred, echo, failure, heldReply, reply, text } from "../support/replies.ts";

const PORT = 8080;
const SETTINGS = { "claudeVirtualApi.port": PORT, "editor.occurrencesHighlight": "off" };
const SIZE = { width: 1280, height: 800 };
const OUT = join(import.meta.dirname, "../../media/screenshots");

const CODE = `from dataclasses import dataclass


@dataclass
class Account:
    owner: str
    balance: float = 0.0

    def deposit(self, amount):
        self.balance += amount

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError("insufficient funds")
        self.balance -= amount


def transfer(source, target, amount):
    target.deposit(amount)
    source.withdraw(amount)
`;

const ANSWER = `## What it does

\`Account\` keeps a balance; \`transfer\` moves money between two.

## What is wrong

1. **\`transfer\` can create money.** It deposits first: when
   \`withdraw\` raises, the target keeps the amount.
2. **Floats are no money.** \`0.1 + 0.2\` is not \`0.3\`;
   use \`Decimal\`, or count cents.
3. **Negative amounts** turn a deposit into a withdrawal
   without the check.

## Better

\`\`\`python
def transfer(source, target, amount):
    source.withdraw(amount)
    target.deposit(amount)
\`\`\`
`;

async function keep(page: Page, name: string, clip?: { x: number; y: number; width: number; height: number }) {
  await writeFile(join(OUT, `${name}.png`), smallPng(await page.screenshot({ ...(clip && { clip }) })));
}

/** The area to capture, with a margin. */
async function around(...parts: Locator[]) {
  const boxes = (await Promise.all(parts.map((part) => part.boundingBox()))).filter((box) => box !== null);
  const x = Math.max(0, Math.min(...boxes.map((box) => box.x)) - 8);
  const y = Math.max(0, Math.min(...boxes.map((box) => box.y)) - 8);
  const right = Math.min(SIZE.width, Math.max(...boxes.map((box) => box.x + box.width)) + 8);
  const bottom = Math.min(SIZE.height, Math.max(...boxes.map((box) => box.y + box.height)) + 8);
  return { x, y, width: right - x, height: bottom - y };
}

async function statusBar(page: Page): Promise<void> {
  const tooltip = page.locator(".workbench-hover").filter({ hasText: "Copy environment variables" });
  await statusItem(page).hover();
  await tooltip.waitFor();
  const { x, ...box } = await around(tooltip, page.locator(".part.statusbar"));
  await keep(page, "status-bar", { ...box, x: x + 640, width: 640 });
  await page.mouse.move(640, 300);
  await tooltip.waitFor({ state: "hidden" });
}

async function palette(page: Page): Promise<void> {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").first().fill(">Claude Virtual API");
  await page.locator(".quick-input-list .monaco-list-row").filter({ hasText: "Copy curl Example" }).waitFor();
  await keep(page, "palette", await around(page.locator(".quick-input-widget")));
  await page.keyboard.press("Escape");
}

async function selection(page: Page, { fakeApi }: VsCode): Promise<void> {
  const { promise, resolve } = deferred();
  fakeApi.respond = () => interrupted(ANSWER, ANSWER.trim().split(/\s+/).length - 2, promise);
  await page.setViewportSize({ width: 1280, height: 620 });
  await page.keyboard.press("Control+B");
  await runCommand(page, "Claude Virtual API: Send Selection");
  await page.locator(".view-line").filter({ hasText: "source.withdraw" }).nth(1).waitFor();
  await notification(page, "Claude is answering").waitFor();
  await keep(page, "selection");
  resolve();
  await notification(page, "Claude is answering").waitFor({ state: "detached" });
  await page.setViewportSize(SIZE);
}

async function view(page: Page, { fakeApi }: VsCode): Promise<void> {
  const api = new Api(() => `http://127.0.0.1:${PORT}`);
  const batches = section(page, "Batches");
  const { promise, resolve } = deferred();
  fakeApi.respond = ({ body, raw }) => {
    if (raw.includes("Refuse")) return failure(400, "invalid_request_error", "prompt is too long");
    return raw.includes("Wait") ? heldReply([text("Later")], () => {}, promise) : echo(body);
  };
  const shows = (end: string) => item(batches, end).waitFor();
  await openView(page);
  // a visible tooltip would not update
  await page.mouse.move(640, 500);
  await api.upload("quarterly-report.pdf", "x".repeat(1_234_567));
  await api.upload("style-guide.md", "x".repeat(5321));
  await api.upload("diagram.png", "x".repeat(87_654));
  await api.createBatch(...Array(40).fill("Hello"));
  await shows("40 succeeded");
  await api.createBatch(...Array(24).fill("Hello"), "Refuse");
  await shows("24 succeeded, 1 errored");
  await api.createBatch(...Array(37).fill("Hello"), ...Array(13).fill("Wait"));
  await shows("37 of 50");
  await item(section(page, "Files"), "quarterly-report.pdf").waitFor();
  await keep(page, "view", { x: 0, y: 36, width: 352, height: 516 });
  resolve();
  await shows("50 succeeded");
}

async function log(page: Page, { settings, fakeApi }: VsCode): Promise<void> {
  fakeApi.respond = () => reply([text("Four.")]);
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${PORT}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": "any-key", "content-type": "application/json" },
      body: JSON.stringify({
        model: "sonnet",
        max_tokens: 100,
        stream: true,
        messages: [{ role: "user", content: "2 + 2?" }],
      }),
    });
    await answer.text();
  };
  await ask();
  await settings({ ...SETTINGS, "claudeVirtualApi.traffic": true });
  await runCommand(page, "Claude Virtual API: Show Log");
  await page.locator('.part.panel .action-label[aria-label^="Maximize"]').click();
  const lines = page.locator(".part.panel .view-line");
  await ask();
  await lines.filter({ hasText: "message_stop" }).first().waitFor();
  await keep(page, "log", await around(page.locator(".part.panel > .title"), ...(await lines.all())));
}

if (!(await isFree(PORT))) throw new Error(`Port ${PORT} is taken, and the pictures should show it.`);
await mkdir(OUT, { recursive: true });
await using vsCode = await startVsCode("ceiling");
await vsCode.settings(SETTINGS);
const page = await vsCode.window({ "accounts.py": CODE });
await statusItem(page)
  .filter({ hasText: String(PORT) })
  .waitFor();
await statusBar(page);
await selectAllOf(page, "accounts.py");
await palette(page);
await selection(page, vsCode);
await log(page, vsCode);
await page.keyboard.press("Control+J");
await view(page, vsCode);
