import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { claudePath } from "../claude.ts";
import { FakeApi } from "../fakeApi.ts";
import { cliEnvironment, scratchHome } from "../harness.ts";
import { chromiumPath } from "./chromium.ts";
import { type Folders, type Host, installExtension, installHost, killAll, startHost, type Version } from "./host.ts";
import { freePort } from "./ports.ts";
import { packageExtension } from "./vsix.ts";

const QUIET = {
  "security.workspace.trust.enabled": false,
  "remote.autoForwardPorts": false,
  "workbench.startupEditor": "none",
  "workbench.colorTheme": "Default Light Modern",
  "workbench.tips.enabled": false,
  "chat.commandCenter.enabled": false,
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "update.mode": "none",
  "telemetry.telemetryLevel": "off",
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
  "editor.minimap.enabled": false,
  "window.confirmBeforeClose": "never",
  "workbench.editor.confirmBeforeClose": "never",
};

const CHANNEL = "/claude-virtual-api.claude-virtual-api/";

const FAILED = join(import.meta.dirname, "../../../.vscode-test/failed");

const CHROMIUM_FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** A real VS Code with the packaged extension, and a fake API behind the CLI. */
export interface VsCode extends AsyncDisposable {
  /** The configured port, free when VS Code starts. */
  port: number;
  /** The URL of the server, unless a test has changed the port. */
  baseURL: string;
  home: string;
  fakeApi: FakeApi;
  host: Host;
  /** Resets the settings file to the defaults of the tests, plus these settings. */
  settings(extra?: Record<string, unknown>): Promise<void>;
  /** Opens a window on a new folder with these files. */
  window(files?: Record<string, string>): Promise<Page>;
  /** The text of each window's output channel, oldest window first. */
  channels(): Promise<string[]>;
  /** Every log file's path and text. */
  logs(): Promise<[string, string][]>;
  /** Saves the windows' contents and the log under `.vscode-test/failed`, to debug a failure. */
  photograph(name: string): Promise<void>;
}

export async function startVsCode(version: Version): Promise<VsCode> {
  const undo: (() => unknown)[] = [];
  const end = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { ...(await start(version, (step) => void undo.push(step))), [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Starts each part in turn, and registers its stop function with `atEnd`. */
async function start(
  version: Version,
  atEnd: (step: () => unknown) => void,
): Promise<Omit<VsCode, keyof AsyncDisposable>> {
  await installHost(version);
  const scratch = await scratchHome();
  atEnd(() => scratch[Symbol.asyncDispose]());
  const fakeApi = await FakeApi.start();
  atEnd(() => fakeApi.close());
  const folders = await layOut(scratch.home);
  const port = await freePort();
  const settings = (extra: Record<string, unknown> = {}) => writeSettings(folders, { ...ours(port), ...extra });
  await settings();
  await installExtension(version, folders, await packageExtension(scratch.home));
  atEnd(() => killAll(folders.home));
  const { PATH, HOME, ...cli } = cliEnvironment(folders.home, fakeApi);
  const host = await startHost(version, folders, cli);
  atEnd(() => host.end());
  const browser = await chromium.launch({ executablePath: chromiumPath() as string, args: CHROMIUM_FLAGS.split(" ") });
  atEnd(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const channels = async () => {
    const logs = await logsIn(folders);
    return logs.filter(([path]) => path.includes(CHANNEL)).map(([, text]) => text);
  };
  return {
    port,
    baseURL: `http://127.0.0.1:${port}`,
    home: folders.home,
    fakeApi,
    host,
    settings,
    window: (files = {}) => openWindow(context, host, scratch.home, files),
    logs: () => logsIn(folders),
    channels,
    async photograph(name) {
      const file = join(FAILED, name);
      await mkdir(FAILED, { recursive: true });
      await writeFile(`${file}.log`, (await channels()).join("\n"));
      for (const [index, page] of context.pages().entries())
        await page.screenshot({ path: `${file} ${index + 1}.png` });
    },
  };
}

/** The extension's settings at the start of every test. */
function ours(port: number): Record<string, unknown> {
  return { "claudeVirtualApi.port": port, "claudeVirtualApi.claudePath": claudePath() };
}

async function layOut(scratch: string): Promise<Folders> {
  const folders = {
    home: join(scratch, "home"),
    userData: join(scratch, "user-data"),
    extensions: join(scratch, "extensions"),
  };
  for (const folder of [
    folders.home,
    join(folders.userData, "User"),
    join(folders.userData, "Machine"),
    folders.extensions,
  ]) {
    await mkdir(folder, { recursive: true });
  }
  return folders;
}

/** In a remote window, machine-scoped settings take effect only from the machine's file. */
async function writeSettings({ userData }: Folders, settings: Record<string, unknown>): Promise<void> {
  const machine = Object.fromEntries(Object.entries(settings).filter(([key]) => key.startsWith("claudeVirtualApi.")));
  await writeFile(join(userData, "Machine/settings.json"), JSON.stringify(machine));
  await writeFile(join(userData, "User/settings.json"), JSON.stringify({ ...QUIET, ...settings }));
}

let windows = 0;

async function openWindow(
  context: BrowserContext,
  host: Host,
  scratch: string,
  files: Record<string, string>,
): Promise<Page> {
  windows += 1;
  const folder = join(scratch, `window-${windows}`, "project");
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`${host.url}/?folder=${encodeURIComponent(folder)}`);
  return page;
}

async function logsIn({ userData }: Folders): Promise<[string, string][]> {
  const logs = join(userData, "logs");
  const paths = (await readdir(logs, { recursive: true })).filter((path) => path.endsWith(".log"));
  return Promise.all(
    paths.sort().map(async (path): Promise<[string, string]> => [path, await readFile(join(logs, path), "utf8")]),
  );
}
