import * as vscode from "vscode";
import type { Batch } from "../../client.ts";
import type { BatchNews, BatchWatch } from "../batchWatch.ts";
import { ListKey, View } from "../contributions.ts";
import { describeRunning, toBatchItem } from "./batchItem.ts";
import { ListView } from "./listView.ts";
import type { ViewParts } from "./parts.ts";
import { watchFolder } from "./watchFolder.ts";

/** The view "Batches". Running ones get on while it is looked at; its icon counts them also while it is not. */
export class BatchesView {
  readonly list: ListView<Batch>;
  readonly #watch: BatchWatch;
  readonly #subscriptions: vscode.Disposable;
  /** Those of the list that were once found neither running nor ended. */
  readonly #lost = new Set<string>();
  #unfollow: (() => void) | undefined;

  constructor(parts: ViewParts, watch: BatchWatch) {
    this.#watch = watch;
    this.list = new ListView({
      ...parts,
      view: View.batches,
      contextKey: ListKey.batches,
      page: (client, options) => client.batches(options),
      toItem: (batch) =>
        toBatchItem(
          batch,
          watch.running.find(({ id }) => id === batch.id),
        ),
    });
    const { tree } = this.list;
    this.#subscriptions = vscode.Disposable.from(
      { dispose: watch.onDidChange((news) => this.#take(news)) },
      { dispose: watch.onDidLook((began) => this.#findLost(began)) },
      tree.onDidChangeVisibility(({ visible }) => this.#see(visible)),
      watchFolder(parts.dataDir, "batches", () => {
        watch.look();
        this.list.refresh();
      }),
      { dispose: () => this.#see(false) },
      this.list,
    );
    this.#see(tree.visible);
    this.#count();
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  #see(visible: boolean): void {
    if (visible && !this.#unfollow) {
      this.#unfollow = this.#watch.follow();
      // what happened meanwhile may have left no trace in what runs now
      this.list.refresh();
    } else if (!visible) {
      this.#unfollow?.();
      this.#unfollow = undefined;
    }
  }

  #take({ running, isAnother }: BatchNews): void {
    this.#count();
    if (isAnother) this.list.refresh();
    else this.list.redraw(running.map(({ id }) => id));
  }

  /** A short batch begins and ends between two looks, and no news tell of its end. */
  #findLost(began: number): void {
    if (began <= this.list.readAt) return;
    const running = new Set(this.#watch.running.map(({ id }) => id));
    const lost = this.list.entries.filter(
      ({ id, processing_status }) => processing_status !== "ended" && !running.has(id) && !this.#lost.has(id),
    );
    if (lost.length === 0) return;
    // once for each: one of another server's may stay as it is for long
    for (const { id } of lost) this.#lost.add(id);
    this.list.refresh();
  }

  // a progress of the view would put its own sign over this number
  #count(): void {
    const { running } = this.#watch;
    this.list.tree.badge =
      running.length > 0 ? { value: running.length, tooltip: describeRunning(running) } : undefined;
  }
}
