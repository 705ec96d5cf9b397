import { ClaudeClient } from "../../src/client.ts";
import type { Controller } from "../../src/extension/controller.ts";
import type { ServerClient } from "../../src/extension/serverClient.ts";
import { type State, urlOf } from "../../src/extension/state.ts";
import type { ViewParts } from "../../src/extension/views/parts.ts";
import { Emitter } from "../../src/shared/emitter.ts";

/** A window with a server at this URL, or without one until a test or a command starts it. */
export function windowOn(url: string | undefined, dataDir = "/data") {
  const changed = new Emitter<State>();
  const stage = {
    state: (url ? { kind: "running", url, requests: 0 } : { kind: "stopped" }) as State,
    starts: 0,
    set(state: State) {
      stage.state = state;
      changed.emit(state);
    },
  };
  const controller = {
    get state() {
      return stage.state;
    },
    onDidChangeState: (listener: (state: State) => void) => changed.on(listener),
  } as Controller;
  const clientAt = (baseURL: string) => new ClaudeClient({ baseURL, apiKey: "the-key" });
  const serverClient = {
    client: async () => {
      stage.starts += 1;
      return clientAt(urlOf(stage.state) ?? "");
    },
    clientIfUp: async () => {
      const at = urlOf(stage.state);
      return at === undefined ? undefined : clientAt(at);
    },
  } as ServerClient;
  const parts: ViewParts = { controller, serverClient, dataDir };
  return Object.assign(stage, { controller, serverClient, parts });
}

/** The stub's tree behind a view. */
export function fakeTree(list: { tree: unknown }): { show(visible: boolean): void; selection: unknown[] } {
  return list.tree as never;
}
