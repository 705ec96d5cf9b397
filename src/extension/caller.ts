import * as vscode from "vscode";
import type { ClaudeClient, MessageOptions, Model } from "../client.ts";
import type { ClaudeVirtualApi } from "./api.ts";
import type { Controller } from "./controller.ts";
import type { Settings } from "./settings.ts";
import { urlOf } from "./state.ts";

/** Calls the server this window uses over HTTP, like any client, whether it is its own or another window's. */
export class Caller {
  readonly #controller: Controller;
  readonly #settings: Settings;

  constructor(controller: Controller, settings: Settings) {
    this.#controller = controller;
    this.#settings = settings;
  }

  async message(text: string, options?: MessageOptions): Promise<string> {
    return (await this.#client()).message(text, this.#withModel(options));
  }

  async *messageStream(text: string, options?: MessageOptions): AsyncGenerator<string, void, undefined> {
    yield* (await this.#client()).messageStream(text, this.#withModel(options));
  }

  async models(): Promise<Model[]> {
    return (await this.#client()).models();
  }

  /** The part of it that other extensions get. */
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

  async #client(): Promise<ClaudeClient> {
    const baseURL = await this.#controller.ensure();
    const { ClaudeClient } = await import("../client.ts");
    return new ClaudeClient({ baseURL, apiKey: (await this.#settings.requiredApiKey()) ?? "vscode" });
  }

  #withModel(options: MessageOptions = {}): MessageOptions {
    return { model: this.#settings.defaultModel, ...options };
  }
}
