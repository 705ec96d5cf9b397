import * as vscode from "vscode";
import type { ClaudeClient, MessageOptions, Model } from "../client.ts";
import type { ClaudeVirtualApi } from "./api.ts";
import type { Controller } from "./controller.ts";
import { secretIn } from "./probe.ts";
import { provenFetch } from "./provenFetch.ts";
import type { Settings } from "./settings.ts";
import { urlOf } from "./state.ts";

/**
 * Calls this window's server over HTTP, like any client, whether the window owns or shares it. Sends the key and the user's
 * text only to servers that have proved to be ours.
 */
export class ServerClient {
  readonly #controller: Controller;
  readonly #settings: Settings;

  constructor(controller: Controller, settings: Settings) {
    this.#controller = controller;
    this.#settings = settings;
  }

  async message(text: string, options?: MessageOptions): Promise<string> {
    return (await this.client()).message(text, this.#withModel(options));
  }

  async *messageStream(text: string, options?: MessageOptions): AsyncGenerator<string, void, undefined> {
    yield* (await this.client()).messageStream(text, this.#withModel(options));
  }

  async models(): Promise<Model[]> {
    return (await this.client()).models();
  }

  /** A client of this window's server, which is started if needed. */
  async client(): Promise<ClaudeClient> {
    return this.#clientAt(await this.#controller.ensure());
  }

  /** A client of this window's server; undefined if there is none. */
  async clientIfUp(): Promise<ClaudeClient | undefined> {
    const baseURL = urlOf(this.#controller.state);
    return baseURL === undefined ? undefined : this.#clientAt(baseURL);
  }

  /** The API for other extensions. */
  toApi(): ClaudeVirtualApi {
    const controller = this.#controller;
    return {
      get state() {
        return controller.state;
      },
      get baseUrl() {
        return urlOf(controller.state);
      },
      onDidChangeState: (listener, self, disposables) => {
        const subscription = new vscode.Disposable(controller.onDidChangeState((state) => listener.call(self, state)));
        disposables?.push(subscription);
        return subscription;
      },
      message: (text, options) => this.message(text, options),
      messageStream: (text, options) => this.messageStream(text, options),
      models: () => this.models(),
    };
  }

  async #clientAt(baseURL: string): Promise<ClaudeClient> {
    const { ClaudeClient } = await import("../client.ts");
    const fetch = provenFetch(secretIn(this.#settings.dataDir));
    return new ClaudeClient({ baseURL, apiKey: (await this.#settings.requiredApiKey()) ?? "vscode", fetch });
  }

  #withModel(options: MessageOptions = {}): MessageOptions {
    return { model: this.#settings.defaultModel, ...options };
  }
}
