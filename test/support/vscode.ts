/** The part of `vscode` that the extension's parts need. Everything else is tested in a real VS Code. */
export const l10n = {
  t: (message: string, ...args: unknown[]) => {
    const values = (typeof args[0] === "object" ? args[0] : args) as Record<string, unknown>;
    return message.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  },
};

export class Disposable {
  readonly dispose: () => void;
  constructor(dispose: () => void) {
    this.dispose = dispose;
  }

  static from(...parts: { dispose(): void }[]): Disposable {
    return new Disposable(() => {
      for (const part of parts) part.dispose();
    });
  }
}

export class EventEmitter<T> {
  readonly #listeners = new Set<(value: T) => void>();
  readonly event = (listener: (value: T) => void): Disposable => {
    this.#listeners.add(listener);
    return new Disposable(() => this.#listeners.delete(listener));
  };

  fire(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

export class ThemeColor {
  readonly id: string;
  constructor(id: string) {
    this.id = id;
  }
}

export class ThemeIcon {
  static readonly File = new ThemeIcon("file");
  readonly id: string;
  readonly color: ThemeColor | undefined;
  constructor(id: string, color?: ThemeColor) {
    this.id = id;
    this.color = color;
  }
}

export class TreeItem {
  label: string;
  constructor(label: string) {
    this.label = label;
  }
}

/** Keeps the source. Unlike the real one, `appendText` does not escape. */
export class MarkdownString {
  value: string;
  constructor(value = "") {
    this.value = value;
  }

  appendText(text: string): this {
    this.value += text;
    return this;
  }

  appendMarkdown(text: string): this {
    this.value += text;
    return this;
  }
}

export class Uri {
  readonly scheme: string;
  readonly path: string;
  constructor(scheme: string, path: string) {
    this.scheme = scheme;
    this.path = path;
  }

  static file(path: string): Uri {
    return new Uri("file", path);
  }

  static from({ scheme, path }: { scheme: string; path: string }): Uri {
    return new Uri(scheme, path);
  }

  get fsPath(): string {
    return this.path;
  }
}

export class RelativePattern {
  readonly base: Uri;
  readonly pattern: string;
  constructor(base: Uri, pattern: string) {
    this.base = base;
    this.pattern = pattern;
  }
}

export class TabInputText {}

export const ProgressLocation = { Notification: 15 };
export const UIKind = { Desktop: 1, Web: 2 };
export const StatusBarAlignment = { Left: 1, Right: 2 };

export const env = {
  language: "en",
  shell: "/bin/bash",
  uiKind: UIKind.Desktop,
  remoteName: undefined as string | undefined,
  clipboard: { writeText: async (_text: string) => {} },
};

/** A tree view that a test shows and hides. */
function createTreeView() {
  const visibility = new EventEmitter<{ visible: boolean }>();
  return {
    visible: false,
    selection: [] as unknown[],
    message: "",
    badge: undefined as { value: number } | undefined,
    onDidChangeVisibility: visibility.event,
    show(visible: boolean) {
      this.visible = visible;
      visibility.fire({ visible });
    },
    dispose: () => visibility.dispose(),
  };
}

export const window = {
  createTerminal: (_options: unknown) => ({ show() {}, sendText(_text: string) {} }),
  onDidEndTerminalShellExecution: (_listener: (event: unknown) => void) => new Disposable(() => {}),
  onDidCloseTerminal: (_listener: (terminal: unknown) => void) => new Disposable(() => {}),
  createTreeView,
  createStatusBarItem: () => ({ text: "", tooltip: new MarkdownString(), show() {}, dispose() {} }),
  withProgress: (_options: unknown, task: (progress: unknown, token: unknown) => Promise<unknown>) =>
    task({ report() {} }, { onCancellationRequested: () => new Disposable(() => {}) }),
  setStatusBarMessage: (_text: string) => {},
  showOpenDialog: async (): Promise<Uri[] | undefined> => undefined,
  showInformationMessage: async (_text: string, ..._items: string[]): Promise<string | undefined> => undefined,
  showWarningMessage: async (_text: string, ..._items: unknown[]): Promise<string | undefined> => undefined,
  tabGroups: { activeTabGroup: { activeTab: undefined } },
};

export const commands = { executeCommand: async (_command: string, ..._args: unknown[]) => {} };

/** Values of settings, by full name. */
export const configuration = new Map<string, unknown>();

export const workspace = {
  getConfiguration: (section: string) => ({ get: (name: string) => configuration.get(`${section}.${name}`) }),
  asRelativePath: (uri: { path: string }) => uri.path.replace(/^\/workspace\//, ""),
  createFileSystemWatcher: (_pattern: RelativePattern) => {
    const [created, deleted] = [new EventEmitter<Uri>(), new EventEmitter<Uri>()];
    return { created, deleted, onDidCreate: created.event, onDidDelete: deleted.event, dispose() {} };
  },
};
