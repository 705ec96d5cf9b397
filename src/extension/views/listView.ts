import * as vscode from "vscode";
import type { ClaudeClient, ListOptions, ListPage } from "../../client.ts";
import { Command } from "../contributions.ts";
import type { Controller } from "../controller.ts";
import type { ServerClient } from "../serverClient.ts";
import { urlOf } from "../state.ts";
import { errorMessage } from "../texts.ts";
import { onNewDay } from "./newDay.ts";

/** An item of a view: an entry of the API's list, or the item that loads more. */
export type ListNode<T> = { entry: T } | { loadMore: string };

export interface ListParts<T> {
  view: string;
  /** The context key for the state of the list: `unknown`, `listed` or `failed`. */
  contextKey: string;
  controller: Controller;
  serverClient: Pick<ServerClient, "clientIfUp">;
  page(client: ClaudeClient, options: ListOptions): Promise<ListPage<T>>;
  toItem(entry: T): vscode.TreeItem;
}

/** A view of one of the API's lists, read from this window's server, if there is one. */
export class ListView<T extends { id: string }> implements vscode.TreeDataProvider<ListNode<T>> {
  readonly tree: vscode.TreeView<ListNode<T>>;
  readonly #parts: ListParts<T>;
  readonly #changed = new vscode.EventEmitter<ListNode<T>[] | undefined>();
  readonly #unsubscribe: () => void;
  readonly #days: vscode.Disposable;
  readonly #more: ListNode<T>;
  // VS Code identifies an item by its node object, so an entry keeps the same node
  #nodes: { entry: T }[] = [];
  #next: string | undefined;
  #url: string | undefined;
  #isStale = true;
  #readAt = 0;
  #loading: Promise<void> | undefined;

  constructor(parts: ListParts<T>) {
    this.#parts = parts;
    this.#more = { loadMore: parts.view };
    this.#url = urlOf(parts.controller.state);
    this.tree = vscode.window.createTreeView(parts.view, { treeDataProvider: this });
    this.#days = onNewDay(() => this.#changed.fire(undefined));
    this.#unsubscribe = parts.controller.onDidChangeState((state) => {
      if (urlOf(state) === this.#url) return;
      this.#url = urlOf(state);
      this.refresh();
    });
  }

  get entries(): T[] {
    return this.#nodes.map(({ entry }) => entry);
  }

  /** Time of the last read, in milliseconds since 1970. */
  get readAt(): number {
    return this.#readAt;
  }

  get onDidChangeTreeData(): vscode.Event<ListNode<T>[] | undefined> {
    return this.#changed.event;
  }

  getTreeItem(node: ListNode<T>): vscode.TreeItem {
    return "entry" in node ? this.#parts.toItem(node.entry) : loadMoreItem(node.loadMore);
  }

  async getChildren(node?: ListNode<T>): Promise<ListNode<T>[]> {
    if (node) return [];
    while (this.#isStale) {
      this.#loading ??= this.#load().finally(() => {
        this.#loading = undefined;
      });
      await this.#loading;
    }
    return this.#next === undefined ? [...this.#nodes] : [...this.#nodes, this.#more];
  }

  /** The entry that a command applies to: its argument, or the selected one. */
  entryOf(argument: unknown): T | undefined {
    const node = isNode<T>(argument) ? argument : this.tree.selection[0];
    return node && "entry" in node ? node.entry : undefined;
  }

  /** Discards the list. VS Code reads as many entries again once the view is visible. */
  refresh(): void {
    this.#isStale = true;
    this.#changed.fire(undefined);
  }

  redraw(ids: readonly string[]): void {
    const nodes = this.#nodes.filter(({ entry }) => ids.includes(entry.id));
    if (nodes.length > 0) this.#changed.fire(nodes);
  }

  put(entry: T): void {
    const node = this.#nodes.find((other) => other.entry.id === entry.id);
    if (!node) return;
    node.entry = entry;
    this.#changed.fire([node]);
  }

  remove(id: string): void {
    this.#nodes = this.#nodes.filter(({ entry }) => entry.id !== id);
    this.#changed.fire(undefined);
  }

  async loadMore(): Promise<void> {
    const client = await this.#parts.serverClient.clientIfUp();
    const after = this.#next;
    if (!client || after === undefined) return;
    const page = await this.#parts.page(client, { after });
    if (this.#next !== after) return;
    this.#nodes = [...this.#nodes, ...page.items.map((entry) => ({ entry }))];
    this.#next = page.next;
    this.#changed.fire(undefined);
  }

  dispose(): void {
    this.#unsubscribe();
    this.#days.dispose();
    this.#changed.dispose();
    this.tree.dispose();
  }

  async #load(): Promise<void> {
    this.#isStale = false;
    try {
      const client = await this.#parts.serverClient.clientIfUp();
      const entries: T[] = [];
      let next: string | undefined;
      if (client) {
        do {
          const page = await this.#parts.page(client, { after: next });
          entries.push(...page.items);
          next = page.next;
        } while (next !== undefined && entries.length < this.#nodes.length);
      }
      this.#show(entries, next, client ? "listed" : "unknown");
    } catch (error) {
      // not shown if the server has just stopped: the change of state refreshes the view
      this.#show([], undefined, "failed", this.#isStale ? "" : errorMessage(error as Error));
    }
  }

  #show(entries: T[], next: string | undefined, known: "unknown" | "listed" | "failed", message = ""): void {
    const nodes = new Map(this.#nodes.map((node) => [node.entry.id, node]));
    this.#nodes = entries.map((entry) => Object.assign(nodes.get(entry.id) ?? { entry }, { entry }));
    this.#next = next;
    this.#readAt = Date.now();
    this.tree.message = message;
    void vscode.commands.executeCommand("setContext", this.#parts.contextKey, known);
  }
}

function isNode<T>(value: unknown): value is ListNode<T> {
  return typeof value === "object" && value !== null && ("entry" in value || "loadMore" in value);
}

function loadMoreItem(view: string): vscode.TreeItem {
  const title = vscode.l10n.t("Load more…");
  const item = new vscode.TreeItem(title);
  item.iconPath = new vscode.ThemeIcon("ellipsis");
  item.command = { command: Command.loadMore, title, arguments: [view] };
  return item;
}
