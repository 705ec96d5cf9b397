import type * as vscode from "vscode";
import type { MessageOptions, Model } from "../client.ts";
import type { State } from "./state.ts";

/** The API that `activate` returns to other extensions. Its calls start the server if needed. */
export interface ClaudeVirtualApi {
  readonly state: State;
  readonly onDidChangeState: vscode.Event<State>;
  /** Base URL of the server this window uses, without `/v1`; undefined if there is none. */
  readonly baseUrl: string | undefined;
  /** Sends one user message and resolves with the text of the answer. Throws the SDK's typed errors. */
  message(text: string, options?: MessageOptions): Promise<string>;
  /** Sends one user message and yields the text of the answer as it arrives. */
  messageStream(text: string, options?: MessageOptions): AsyncIterable<string>;
  models(): Promise<Model[]>;
}
