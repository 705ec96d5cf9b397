import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import * as vscode from "vscode";
import { BatchWatch } from "../../src/extension/batchWatch.ts";
import { ListKey, View } from "../../src/extension/contributions.ts";
import { BatchesView } from "../../src/extension/views/batches.ts";
import { FilesView } from "../../src/extension/views/files.ts";
import type { ListView } from "../../src/extension/views/listView.ts";
import { fakeTree, windowOn } from "../support/fakeTree.ts";
import { until } from "../support/harness.ts";
import { aBatch, aFile, probe, Resources } from "../support/resources.ts";

let resources: Resources;
beforeEach(async () => {
  resources = await Resources.start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await resources.close();
});

/** Disposes it after the test. */
function ending<T extends { dispose(): void }>(part: T): T {
  onTestFinished(() => part.dispose());
  return part;
}

/** The labels and descriptions that VS Code would show. */
async function shown(list: ListView<{ id: string }>): Promise<string[]> {
  const items = (await list.getChildren()).map((node) => list.getTreeItem(node));
  return items.map(({ label, description }) => [label, description].filter(Boolean).join(" "));
}

async function idsIn(list: ListView<{ id: string }>): Promise<string[]> {
  return (await list.getChildren()).map((node) => ("entry" in node ? node.entry.id : "more"));
}

describe("a list", () => {
  const filesOf = (on: ReturnType<typeof windowOn>) => ending(new FilesView(on.parts));

  it("is read from the server when visible, and kept until refreshed", async () => {
    resources.files = [aFile({ filename: "b.txt" }), aFile({ filename: "a.txt" })];
    const view = filesOf(windowOn(resources.url));
    expect(resources.requests).toEqual([]);
    expect(await shown(view.list)).toEqual([
      expect.stringMatching(/^b\.txt 1\.2 MB/),
      expect.stringMatching(/^a\.txt/),
    ]);
    resources.files = [];
    expect(await shown(view.list)).toHaveLength(2);
    view.list.refresh();
    expect(await shown(view.list)).toEqual([]);
    expect(resources.requests).toEqual(["GET /v1/files?limit=100", "GET /v1/files?limit=100"]);
  });

  it("starts no server, and is read once there is one", async () => {
    const on = windowOn(undefined);
    const execute = vi.spyOn(vscode.commands, "executeCommand");
    resources.files = [aFile()];
    const view = filesOf(on);
    let changes = 0;
    view.list.onDidChangeTreeData(() => changes++);
    expect(await shown(view.list)).toEqual([]);
    expect(execute).toHaveBeenCalledWith("setContext", ListKey.files, "unknown");
    on.set({ kind: "running", url: resources.url, requests: 0 });
    on.set({ kind: "running", url: resources.url, requests: 1 });
    expect(changes).toBe(1);
    expect(await shown(view.list)).toHaveLength(1);
    expect(execute).toHaveBeenLastCalledWith("setContext", ListKey.files, "listed");
    on.set({ kind: "stopped" });
    expect(await shown(view.list)).toEqual([]);
    expect(on.starts).toBe(0);
  });

  it("shows the API's message if it cannot be read", async () => {
    resources.refusal = { status: 401, type: "authentication_error", message: "invalid x-api-key" };
    const execute = vi.spyOn(vscode.commands, "executeCommand");
    const view = filesOf(windowOn(resources.url));
    expect(await shown(view.list)).toEqual([]);
    expect(view.list.tree.message).toBe("invalid x-api-key");
    expect(execute).toHaveBeenLastCalledWith("setContext", ListKey.files, "failed");
    resources.refusal = undefined;
    view.list.refresh();
    await view.list.getChildren();
    expect(view.list.tree.message).toBe("");
  });

  it.each(["files", "batches"] as const)(
    "of %s comes in hundreds, and is refreshed as far as it was read",
    async (kind) => {
      const entries = Array.from({ length: 250 }, () => ({ ...aFile(), ...aBatch() }));
      Object.assign(resources, { [kind]: entries });
      const on = windowOn(resources.url);
      const watch = ending(new BatchWatch(on.controller, probe));
      const view = kind === "files" ? filesOf(on) : ending(new BatchesView(on.parts, watch));
      const list: ListView<{ id: string }> = view.list;
      const ids = entries.map(({ id }) => id);
      expect(await idsIn(list)).toEqual([...ids.slice(0, 100), "more"]);
      const more = list.getTreeItem((await list.getChildren()).at(-1) as never);
      expect([more.label, more.command?.arguments]).toEqual(["Load more…", [View[kind]]]);
      await list.loadMore();
      expect(await idsIn(list)).toEqual([...ids.slice(0, 200), "more"]);
      list.refresh();
      expect(await idsIn(list)).toEqual([...ids.slice(0, 200), "more"]);
      await Promise.all([list.loadMore(), list.loadMore()]);
      expect(await idsIn(list)).toEqual(ids);
      await list.loadMore();
      expect(await idsIn(list)).toEqual(ids);
    },
  );

  it("keeps an entry's node, so that VS Code keeps the selection", async () => {
    resources.files = [aFile()];
    const view = filesOf(windowOn(resources.url));
    const [before] = await view.list.getChildren();
    resources.files = [aFile(), ...resources.files];
    view.list.refresh();
    expect((await view.list.getChildren())[1]).toBe(before);
  });

  it("shows the date of today's entries after midnight", async () => {
    vi.useFakeTimers({ now: new Date(2026, 10, 22, 23, 59), toFake: ["Date", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    resources.files = [aFile({ created_at: new Date(2026, 10, 22, 14, 30).toISOString() })];
    const view = filesOf(windowOn(resources.url));
    expect(await shown(view.list)).toEqual([expect.stringMatching(/· 2:30\sPM$/)]);
    let changes = 0;
    view.list.onDidChangeTreeData(() => changes++);
    vi.advanceTimersByTime(3 * 60_000);
    expect(changes).toBe(1);
    expect(await shown(view.list)).toEqual([expect.stringMatching(/· Nov 22, 2:30\sPM$/)]);
  });

  it("follows the data directory, and catches up after it was hidden", async () => {
    const on = windowOn(resources.url);
    const watchers = vi.spyOn(vscode.workspace, "createFileSystemWatcher");
    const view = filesOf(on);
    const [pattern] = watchers.mock.calls[0] as unknown as [{ base: vscode.Uri; pattern: string }];
    expect([pattern.base.fsPath, pattern.pattern]).toEqual([`${on.parts.dataDir}/files`, "*"]);
    expect(await idsIn(view.list)).toEqual([]);
    resources.files = [aFile()];
    const watcher = watchers.mock.results[0]?.value as unknown as { created: vscode.EventEmitter<unknown> };
    watcher.created.fire({});
    expect(await idsIn(view.list)).toHaveLength(1);
    resources.files = [];
    fakeTree(view.list).show(true);
    expect(await idsIn(view.list)).toEqual([]);
  });
});

describe("the view of batches", () => {
  const stage = () => {
    const on = windowOn(resources.url);
    const watch = ending(new BatchWatch(on.controller, probe));
    return { on, watch, view: ending(new BatchesView(on.parts, watch)) };
  };
  const progress = (id: string, done: number) => {
    resources.running = [{ id, total: 200, done, paused: null }];
  };

  it("shows the progress and the outcome of a batch, with a badge while it runs", async () => {
    const batch = aBatch({}, { processing: 200 });
    resources.batches = [batch];
    progress(batch.id, 0);
    const on = stage();
    const { list } = on.view;
    let redrawn = 0;
    list.onDidChangeTreeData((nodes) => {
      redrawn += nodes?.length ?? 0;
    });
    fakeTree(list).show(true);
    await until(() => on.watch.running.length === 1);
    expect(await shown(list)).toEqual([expect.stringMatching(/0 of 200$/)]);
    expect(list.tree.badge).toEqual({ value: 1, tooltip: "1 batch: 0 of 200" });
    progress(batch.id, 37);
    await until(() => redrawn > 0);
    expect(await shown(list)).toEqual([expect.stringMatching(/37 of 200$/)]);
    resources.running = [];
    resources.batches = [
      {
        ...batch,
        processing_status: "ended",
        request_counts: { ...batch.request_counts, processing: 0, succeeded: 200 },
      },
    ];
    await until(async () => (await shown(list))[0]?.endsWith("200 succeeded") === true);
    expect(list.tree.badge).toBeUndefined();
  });

  it("updates the badge while hidden", async () => {
    progress("msgbatch_1", 1);
    const on = stage();
    await until(() => on.view.list.tree.badge?.value === 1);
    expect(resources.requests).toEqual([]);
  });

  it("lists a batch that begins while visible", async () => {
    const on = stage();
    fakeTree(on.view.list).show(true);
    expect(await idsIn(on.view.list)).toEqual([]);
    const batch = aBatch();
    resources.batches = [batch];
    progress(batch.id, 0);
    await until(async () => (await idsIn(on.view.list))[0] === batch.id);
  });

  it("notices the end of a batch that no probe has seen, and refreshes only once for one that stays", async () => {
    const on = stage();
    const [short, foreign] = [aBatch(), aBatch()];
    resources.batches = [short, foreign];
    fakeTree(on.view.list).show(true);
    expect(await shown(on.view.list)).toEqual([
      expect.stringMatching(/in progress/),
      expect.stringMatching(/in progress/),
    ]);
    resources.batches = [
      { ...short, processing_status: "ended", request_counts: { ...short.request_counts, succeeded: 1 } },
      foreign,
    ];
    await until(async () => (await shown(on.view.list))[0]?.endsWith("1 succeeded") === true);
    const { looks, requests } = resources;
    const before = requests.length;
    await until(() => resources.looks > looks + 1);
    await shown(on.view.list);
    expect(requests).toHaveLength(before);
  });

  it("keeps polling only while visible", () => {
    const on = stage();
    const stopPolling = vi.fn();
    const follow = vi.spyOn(on.watch, "keepPolling").mockReturnValue(stopPolling);
    fakeTree(on.view.list).show(true);
    expect(follow).toHaveBeenCalledTimes(1);
    expect(stopPolling).not.toHaveBeenCalled();
    fakeTree(on.view.list).show(false);
    expect(stopPolling).toHaveBeenCalledTimes(1);
  });
});
