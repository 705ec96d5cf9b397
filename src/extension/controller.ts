import type { ServerOptions } from "../options.ts";
import type { CliTrouble, Server } from "../server.ts";
import { Emitter } from "../shared/emitter.ts";
import type { Health } from "./health.ts";
import type { State } from "./state.ts";

/** What the controller stands on, so that it can be tested without VS Code. */
export interface ControllerParts {
  options(): Promise<ServerOptions>;
  createServer(options: ServerOptions): Promise<Server>;
  probe(url: string): Promise<Health | undefined>;
}

/** Milliseconds between two looks at another window's server: it must be replaced within 5 s of its end. */
const WATCH_INTERVAL = 1000;

/**
 * The window's server: its own, or that of another window that owns the port. One action at a time, in the order they
 * were asked for.
 */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #changed = new Emitter<State>();
  readonly #troubled = new Emitter<CliTrouble>();
  readonly #closing = new Set<Promise<void>>();
  #state: State = { kind: "stopped" };
  #server: Server | undefined;
  #watch: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
  }

  get state(): State {
    return this.#state;
  }

  onDidChangeState(listener: (state: State) => void): () => void {
    return this.#changed.on(listener);
  }

  /** Tells what is wrong with the CLI, after each start of this window's own server. */
  onDidFindTrouble(listener: (trouble: CliTrouble) => void): () => void {
    return this.#troubled.on(listener);
  }

  start(): Promise<void> {
    return this.#queue(() => this.#start());
  }

  stop(): Promise<void> {
    return this.#queue(() => this.#stop(false));
  }

  /** Starts anew with the present settings; running requests end on the old server. */
  restart(): Promise<void> {
    return this.#queue(async () => {
      await this.#stop(true);
      await this.#start();
    });
  }

  toggle(): Promise<void> {
    return this.#state.kind === "running" || this.#state.kind === "shared" ? this.stop() : this.start();
  }

  /** The base URL to call, after a start if there was none. Throws when there is no server to be had. */
  async ensure(): Promise<string> {
    await this.start();
    const state = this.#state;
    if (state.kind === "running" || state.kind === "shared") return state.url;
    throw new Error(state.kind === "failed" ? state.message : "The server was stopped.");
  }

  /** Ends everything; resolves when no process is left. */
  async dispose(): Promise<void> {
    await this.stop();
    await Promise.all(this.#closing);
  }

  #queue(action: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(action).catch((error: Error) => this.#set({ kind: "failed", message: error.message }));
    return this.#last;
  }

  async #start(): Promise<void> {
    if (this.#state.kind === "running" || this.#state.kind === "shared") return;
    this.#set({ kind: "starting" });
    const options = await this.#parts.options();
    const server = await this.#parts.createServer(options);
    try {
      await server.listen();
    } catch (error) {
      await server.close();
      await this.#cannotListen(error as NodeJS.ErrnoException, options);
      return;
    }
    this.#own(server);
  }

  #own(server: Server): void {
    this.#server = server;
    const url = reachable(server.url);
    this.#set({ kind: "running", url, requests: 0 });
    server.onDidChangeRunning((requests) => {
      if (this.#server === server) this.#set({ kind: "running", url, requests });
    });
    void server.troubleWithCli().then((trouble) => {
      if (trouble && this.#server === server) this.#troubled.emit(trouble);
    });
  }

  async #cannotListen(error: NodeJS.ErrnoException, { host, port }: ServerOptions): Promise<void> {
    if (error.code !== "EADDRINUSE") throw error;
    const url = reachable(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
    const health = await this.#parts.probe(url);
    if (health) this.#share(url, health);
    else this.#set({ kind: "failed", message: error.message, portTaken: port });
  }

  #share(url: string, { requests }: Health): void {
    this.#set({ kind: "shared", url, requests });
    this.#watch = setTimeout(() => void this.#look(url), WATCH_INTERVAL);
  }

  /** Whoever notices first that the owner is gone takes its place; the others find the new owner. */
  async #look(url: string): Promise<void> {
    const health = await this.#parts.probe(url);
    if (this.#state.kind !== "shared" || this.#state.url !== url) return;
    if (health) return this.#share(url, health);
    await this.#queue(async () => {
      if (this.#state.kind !== "shared") return;
      this.#state = { kind: "starting" };
      await this.#start();
    });
  }

  async #stop(drain: boolean): Promise<void> {
    clearTimeout(this.#watch);
    const server = this.#server;
    this.#server = undefined;
    if (server) {
      const closed = server.close({ drain });
      this.#closing.add(closed);
      void closed.finally(() => this.#closing.delete(closed));
      // the port is free at once, so a new server need not wait for the requests that the old one still answers
      if (!drain) await closed;
    }
    this.#set({ kind: "stopped" });
  }

  #set(state: State): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#changed.emit(state);
  }
}

/** A URL for clients on this machine, since an address like 0.0.0.0 is only one to listen on. */
function reachable(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}
