import * as vscode from "vscode";
import type { Batch } from "../../client.ts";
import type { BatchChange, BatchWatch } from "../batchWatch.ts";
import { ListKey, View } from "../contributions.ts";
import { describeRunning, toBatchItem } from "./batchItem.ts";
import { ListView } from "./listView.ts";
import type { ViewParts } from "./parts.ts";
import { watchFolder } from "./watchFolder.ts";

/** Updates the progress of running batches while visible; the badge always counts them. */
export class BatchesView {
  readonly list: ListView<Batch>;
  readonly #watch: BatchWatch;
  readonly #subscriptions: vscode.Disposable;
  /** Listed batches found neither running nor ended; each triggers one refresh. */
  readonly #reportedLost = new Set<string>();
  #stopPolling: (() => void) | undefined;

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
      { dispose: watch.onDidChange((change) => this.#update(change)) },
      { dispose: watch.onDidProbe((began) => this.#refreshLost(began)) },
      tree.onDidChangeVisibility(({ visible }) => this.#setVisible(visible)),
      watchFolder(parts.dataDir, "batches", () => {
        watch.probe();
        this.list.refresh();
      }),
      { dispose: () => this.#setVisible(false) },
      this.list,
    );
    this.#setVisible(tree.visible);
    this.#updateBadge();
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  #setVisible(visible: boolean): void {
    if (visible && !this.#stopPolling) {
      this.#stopPolling = this.#watch.keepPolling();
      // batches may have begun and ended while the view was hidden
      this.list.refresh();
    } else if (!visible) {
      this.#stopPolling?.();
      this.#stopPolling = undefined;
    }
  }

  #update({ running, isNewSet }: BatchChange): void {
    this.#updateBadge();
    if (isNewSet) this.list.refresh();
    else this.list.redraw(running.map(({ id }) => id));
  }

  /** Finds batches that began and ended between two probes, without a change event. */
  #refreshLost(began: number): void {
    if (began <= this.list.readAt) return;
    const running = new Set(this.#watch.running.map(({ id }) => id));
    const lost = this.list.entries.filter(
      ({ id, processing_status }) => processing_status !== "ended" && !running.has(id) && !this.#reportedLost.has(id),
    );
    if (lost.length === 0) return;
    // once for each: a batch of another server may stay in this state for long
    for (const { id } of lost) this.#reportedLost.add(id);
    this.list.refresh();
  }

  // progress shown on the view would cover this badge
  #updateBadge(): void {
    const { running } = this.#watch;
    this.list.tree.badge =
      running.length > 0 ? { value: running.length, tooltip: describeRunning(running) } : undefined;
  }
}
