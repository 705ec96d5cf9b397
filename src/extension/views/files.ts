import * as vscode from "vscode";
import type { UploadedFile } from "../../client.ts";
import { ListKey, View } from "../contributions.ts";
import { toFileItem } from "./fileItem.ts";
import { ListView } from "./listView.ts";
import type { ViewParts } from "./parts.ts";
import { watchFolder } from "./watchFolder.ts";

export class FilesView {
  readonly list: ListView<UploadedFile>;
  readonly #subscriptions: vscode.Disposable;

  constructor(parts: ViewParts) {
    this.list = new ListView({
      ...parts,
      view: View.files,
      contextKey: ListKey.files,
      page: (client, options) => client.files(options),
      toItem: toFileItem,
    });
    this.#subscriptions = vscode.Disposable.from(
      this.list.tree.onDidChangeVisibility(({ visible }) => {
        if (visible) this.list.refresh();
      }),
      watchFolder(parts.dataDir, "files", () => this.list.refresh()),
      this.list,
    );
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }
}
