import type { ServerOptions } from "../options.ts";
import type { CliProblem, Server } from "../server.ts";
import { Emitter } from "../shared/emitter.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import type { ProbeResult } from "./probe.ts";
import { type State, urlOf } from "./state.ts";

/** What the controller stands on, so that it can be tested without VS Code. */
export interface ControllerParts {
  options(): Promise<ServerOptions>;
  createServer(options: ServerOptions): Promise<Server>;
  probe(url: string): Promise<ProbeResult>;
  /** Whether the user has stopped the server, for every window to see. */
  stopMarker: { set(): Promise<void>; clear(): Promise<void>; isSet(): Promise<boolean> };
  logger: Logger;
}

/** Milliseconds between two looks at whoever has the port: another window must be replaced within 5 s of its end. */
const WATCH_INTERVAL = 1000;

/** Looks that somebody silent on the port is given before it counts as a stranger. */
const PATIENCE = 5;

/** Milliseconds after which a stop no longer waits for what the old server still has to end. */
const STOP_BOUND = 10_000;

/** Looks after which a server that was shared and is silent now counts as gone. */
const SILENT_LOOKS = 15;

/**
 * The window's server: its own, or that of another window that owns the port. One action at a time, in the order they
 * were asked for.
 */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #changed = new Emitter<State>();
  readonly #checked = new Emitter<CliProblem | undefined>();
  readonly #closing = new Set<Promise<void>>();
  #state: State = { kind: "stopped" };
  #server: Server | undefined;
  #trouble: CliProblem | undefined;
  #isCliChecked = false;
  #watch: NodeJS.Timeout | undefined;
  #silentLooks = 0;
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

  /** What keeps the CLI of this window's own server from answering; undefined as well while that is not known. */
  get trouble(): CliProblem | undefined {
    return this.#trouble;
  }

  /** The same in one word, for `when` clauses. */
  get cliState(): CliProblem["code"] | "ready" | "unknown" {
    return this.#trouble?.code ?? (this.#isCliChecked ? "ready" : "unknown");
  }

  /** Path of the CLI that this window's own server uses. */
  get cliPath(): string | undefined {
    return this.#server?.cliPath();
  }

  /** Calls back after a start of this window's own server, and whenever the trouble with its CLI has changed. */
  onDidCheckCli(listener: (trouble: CliProblem | undefined) => void): () => void {
    return this.#checked.on(listener);
  }

  /** Asks the CLI again, since the user may have signed in. */
  async checkCli(): Promise<void> {
    if (this.#server) await this.#check(this.#server, true);
  }

  start(): Promise<void> {
    return this.#queue(async () => {
      if (urlOf(this.#state)) return;
      await this.#parts.stopMarker.clear();
      await this.#start();
    });
  }

  /** Stops this window's server for every window, or leaves that of another one. */
  stop(): Promise<void> {
    return this.#queue(async () => {
      if (this.#server) await this.#parts.stopMarker.set();
      await this.#stop(false);
    });
  }

  /** Starts anew with the present settings; running requests end on the old server. */
  restart(): Promise<void> {
    return this.#queue(async () => {
      await this.#stop(true);
      await this.#parts.stopMarker.clear();
      await this.#start();
    });
  }

  toggle(): Promise<void> {
    return urlOf(this.#state) ? this.stop() : this.start();
  }

  /** The base URL to call, after a start if there was none. Throws when there is no server to be had. */
  async ensure(): Promise<string> {
    await this.start();
    const url = urlOf(this.#state);
    if (url) return url;
    throw new Error(this.#state.kind === "failed" ? this.#state.message : "The server was stopped.");
  }

  /** Ends everything; resolves when no process is left. */
  async dispose(): Promise<void> {
    await this.#queue(() => this.#stop(false));
    await Promise.all(this.#closing);
  }

  #queue(action: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(action).catch((error: Error) => this.#set({ kind: "failed", message: error.message }));
    return this.#last;
  }

  async #start(): Promise<void> {
    this.#unwatch();
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
      if (this.#server !== server) return;
      this.#set({ kind: "running", url, requests });
      // a request finds a sign-in that is new, or gone
      if (requests === 0) void this.#check(server, false);
    });
    void this.#check(server, false, true);
  }

  async #check(server: Server, afresh: boolean, isFirst = false): Promise<void> {
    const trouble = await server.checkCli({ afresh });
    if (this.#server !== server) return;
    const isNews = isFirst || trouble?.code !== this.#trouble?.code;
    this.#trouble = trouble;
    this.#isCliChecked = true;
    if (isNews) this.#checked.emit(trouble);
  }

  async #cannotListen(error: NodeJS.ErrnoException, { host, port }: ServerOptions): Promise<void> {
    if (error.code !== "EADDRINUSE") throw error;
    const url = reachable(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
    const found = await this.#whoIs(url);
    if (found.kind === "ours") this.#set({ kind: "shared", url, requests: found.requests });
    else {
      const isUnproven = found.kind === "unproven";
      this.#set({ kind: "failed", message: error.message, portTaken: port, ...(isUnproven && { isUnproven }) });
    }
    this.#watchLater(url);
  }

  /** Asks again while somebody is silent: another window's extension host may just be busy. */
  async #whoIs(url: string): Promise<ProbeResult> {
    let found = await this.#parts.probe(url);
    for (let looks = 1; found.kind === "timeout" && looks < PATIENCE; looks++) found = await this.#parts.probe(url);
    return found;
  }

  #watchLater(url: string): void {
    this.#watch = setTimeout(() => void this.#look(url), WATCH_INTERVAL);
  }

  #unwatch(): void {
    this.#silentLooks = 0;
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  /**
   * Looks at whoever has the port. When it is nobody any more, whichever window notices first takes its place, unless
   * the user has stopped the server; the others find the new owner.
   */
  async #look(url: string): Promise<void> {
    const watch = this.#watch;
    const found = await this.#parts.probe(url);
    if (this.#watch !== watch) return;
    if (found.kind === "ours") this.#set({ kind: "shared", url, requests: found.requests });
    if (!this.#isGone(found)) return this.#watchLater(url);
    await this.#queue(async () => {
      if (this.#watch !== watch) return;
      if (await this.#parts.stopMarker.isSet()) await this.#stop(false);
      else await this.#start();
    });
  }

  /** Whether there is no server any more, or another program where one was shared. */
  #isGone({ kind }: ProbeResult): boolean {
    this.#silentLooks = kind === "timeout" ? this.#silentLooks + 1 : 0;
    if (kind === "free") return true;
    if (this.#state.kind !== "shared" || kind === "ours") return false;
    return kind !== "timeout" || this.#silentLooks >= SILENT_LOOKS;
  }

  async #stop(drain: boolean): Promise<void> {
    this.#unwatch();
    const server = this.#server;
    this.#server = undefined;
    this.#trouble = undefined;
    this.#isCliChecked = false;
    if (server) {
      const closed = server.close({ drain }).catch((error: Error) => this.#parts.logger.warn(error.message));
      this.#closing.add(closed);
      void closed.finally(() => this.#closing.delete(closed));
      // the port is free at once, so a new server need not wait for the requests that the old one still answers
      if (!drain && !(await resolvesWithin(STOP_BOUND, closed)))
        this.#parts.logger.warn("the old server is still closing");
    }
    this.#set({ kind: "stopped" });
  }

  #set(state: State): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    // the server logs its own end
    if (state.kind !== this.#state.kind && state.kind !== "stopped") this.#parts.logger.info(describe(state));
    this.#state = state;
    this.#changed.emit(state);
  }
}

/** A URL for clients on this machine, since an address like 0.0.0.0 is only one to listen on. */
function reachable(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

/** A line for the log. */
function describe(state: State): string {
  switch (state.kind) {
    case "running":
      return `this window's server runs at ${state.url}`;
    case "shared":
      return `sharing the server of another window at ${state.url}`;
    case "failed":
      return state.portTaken === undefined
        ? `failed: ${state.message}`
        : `port ${state.portTaken} is taken by ${state.isUnproven ? "a server of another data directory" : "a stranger"}`;
    default:
      return state.kind;
  }
}
