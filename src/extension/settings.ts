import * as vscode from "vscode";
import { defaultOptions, type ServerOptions } from "../options.ts";
import { readNumbers } from "../optionTable.ts";
import { newApiKey } from "../shared/apiKey.ts";
import { SECTION, SERVER_SETTINGS, Setting } from "./contributions.ts";
import { concernsNetwork, networkVariables, readHttpSettings } from "./network.ts";

export type SelectionTarget = "document" | "clipboard" | "replace" | "output";

/** Name of the API key in the secret storage; the key is never in the settings. */
const API_KEY_SECRET = "apiKey";

/** The user's settings and key; each access reads them again. */
export class Settings {
  readonly #context: vscode.ExtensionContext;

  constructor(context: vscode.ExtensionContext) {
    this.#context = context;
  }

  get autoStart(): boolean {
    return get(Setting.autoStart, true);
  }

  get port(): number {
    return get(Setting.port, defaultOptions.port);
  }

  /** Path of the CLI; empty to search for it. */
  get claudePath(): string {
    return get(Setting.claudePath, "");
  }

  get extraEnvironment(): Record<string, string> {
    return get(Setting.environment, {});
  }

  get defaultModel(): string {
    return get(Setting.defaultModel, "sonnet");
  }

  get selectionTarget(): SelectionTarget {
    return get<SelectionTarget>(Setting.selectionTarget, "document");
  }

  /** Data directory of this VS Code's servers. */
  get dataDir(): string {
    return this.#context.globalStorageUri.fsPath;
  }

  /** The key that clients must send, created if needed; undefined if any key is accepted. */
  async requiredApiKey(): Promise<string | undefined> {
    return get(Setting.requireApiKey, false) ? ((await this.apiKey()) ?? this.createApiKey()) : undefined;
  }

  async apiKey(): Promise<string | undefined> {
    return this.#context.secrets.get(API_KEY_SECRET);
  }

  async setApiKey(key: string | undefined): Promise<void> {
    if (key) await this.#context.secrets.store(API_KEY_SECRET, key);
    else await this.#context.secrets.delete(API_KEY_SECRET);
  }

  async serverOptions(): Promise<ServerOptions> {
    const { claudePath } = this;
    const apiKey = await this.requiredApiKey();
    return {
      ...defaultOptions,
      ...readNumbers(({ setting }) => (setting ? read(setting) : undefined)),
      host: get(Setting.host, defaultOptions.host),
      ...(claudePath !== "" && { claudePath }),
      dataDir: this.dataDir,
      ...(apiKey !== undefined && { apiKey }),
      traffic: () => get(Setting.traffic, false),
      allowedOrigins: get<string[]>(Setting.allowedOrigins, []),
      allowedHosts: get<string[]>(Setting.allowedHosts, []),
      nameOf: (option) => `${SECTION}.${option}`,
      modelMap: get(Setting.modelMap, defaultOptions.modelMap),
      environment: process.env,
      extraEnvironment: this.extraEnvironment,
      networkVariables: networkVariables(readHttpSettings()),
    };
  }

  /** Calls back when a change of settings requires a restart of the server. */
  onDidChangeServerSettings(listener: () => void): vscode.Disposable {
    return vscode.workspace.onDidChangeConfiguration((event) => {
      const isOurs = SERVER_SETTINGS.some((name) => event.affectsConfiguration(`${SECTION}.${name}`));
      if (isOurs || concernsNetwork(event)) listener();
    });
  }

  async update(name: string, value: unknown): Promise<void> {
    await vscode.workspace.getConfiguration(SECTION).update(name, value, vscode.ConfigurationTarget.Global);
  }

  /** Creates a key, which replaces the current one. */
  async createApiKey(): Promise<string> {
    const key = newApiKey();
    await this.setApiKey(key);
    return key;
  }
}

function get<T>(name: string, fallback: T): T {
  return read<T>(name) ?? fallback;
}

function read<T>(name: string): T | undefined {
  return vscode.workspace.getConfiguration(SECTION).get<T>(name);
}
