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
  #unfollow: (() => void) | undefined;
  #endProgress: (() => void) | undefined;

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
    this.#showProgress();
  }

  #take({ running, isAnother }: BatchNews): void {
    this.#count();
    this.#showProgress();
    if (isAnother) this.list.refresh();
    else this.list.redraw(running.map(({ id }) => id));
  }

  #count(): void {
    const { running } = this.#watch;
    this.list.tree.badge =
      running.length > 0 ? { value: running.length, tooltip: describeRunning(running) } : undefined;
  }

  /** The bar over the view. While that is hidden, VS Code would put a clock over the number at the icon. */
  #showProgress(): void {
    const isMoving = this.list.tree.visible && this.#watch.running.some(({ paused }) => !paused);
    if (isMoving && !this.#endProgress) {
      const over = new Promise<void>((resolve) => {
        this.#endProgress = resolve;
      });
      void vscode.window.withProgress({ location: { viewId: View.batches } }, () => over);
    } else if (!isMoving) {
      this.#endProgress?.();
      this.#endProgress = undefined;
    }
  }
}
