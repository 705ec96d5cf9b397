import { DescribedError, describe, type MessageDescriptor } from "../api/messageDescriptors.ts";
import type { ServerOptions } from "../options.ts";
import type { CliProblem, Server } from "../server.ts";
import { Emitter } from "../shared/emitter.ts";
import type { Logger } from "../shared/logger.ts";
import { resolvesWithin } from "../shared/resolvesWithin.ts";
import { SerialQueue } from "../shared/serialQueue.ts";
import type { ProbeResult } from "./probe.ts";
import { type State, urlOf } from "./state.ts";

/** What the controller depends on, injected so that tests run without VS Code. */
export interface ControllerParts {
  options(): Promise<ServerOptions>;
  createServer(options: ServerOptions): Promise<Server>;
  probe(url: string): Promise<ProbeResult>;
  /** Records for all windows that the user has stopped the server. */
  stopMarker: { set(): Promise<void>; clear(): Promise<void>; isSet(): Promise<boolean> };
  logger: Logger;
}

/** Interval between two probes of the port: a window must take over within 5 s after the owner has closed. */
const WATCH_INTERVAL_MS = 1000;

/** Probes that may time out before the program on the port counts as foreign. */
const PROBE_ATTEMPTS = 5;

/** Longest wait for the old server to close. */
const STOP_TIMEOUT_MS = 10_000;

/** Probes that may time out before a shared server counts as gone. */
const SHARED_TIMEOUT_COUNT = 15;

/** Manages the window's server: its own, or the one of the window that owns the port. Runs one action at a time. */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #changed = new Emitter<State>();
  readonly #checked = new Emitter<CliProblem | undefined>();
  readonly #closing = new Set<Promise<void>>();
  #state: State = { kind: "stopped" };
  #server: Server | undefined;
  #cliProblem: CliProblem | undefined;
  #isCliChecked = false;
  #watch: NodeJS.Timeout | undefined;
  #timeoutCount = 0;
  readonly #actions = new SerialQueue();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
  }

  get state(): State {
    return this.#state;
  }

  onDidChangeState(listener: (state: State) => void): () => void {
    return this.#changed.on(listener);
  }

  /** Why the CLI of this window's own server cannot serve requests; undefined also before the first check. */
  get cliProblem(): CliProblem | undefined {
    return this.#cliProblem;
  }

  /** The state of that CLI as a word for `when` clauses. */
  get cliState(): CliProblem["code"] | "ready" | "unknown" {
    return this.#cliProblem?.code ?? (this.#isCliChecked ? "ready" : "unknown");
  }

  get cliPath(): string | undefined {
    return this.#server?.cliPath();
  }

  /** Calls back after a start of this window's own server, and when the problem with its CLI changes. */
  onDidCheckCli(listener: (problem: CliProblem | undefined) => void): () => void {
    return this.#checked.on(listener);
  }

  /** Checks the CLI again, because the user may have signed in. */
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

  /** Stops this window's own server in all windows, or stops using another window's. */
  stop(): Promise<void> {
    return this.#queue(async () => {
      if (this.#server) await this.#parts.stopMarker.set();
      await this.#stop(false);
    });
  }

  /** Restarts with the current settings. The old server finishes its running requests. */
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

  /** The base URL of the server, which is started if needed. Throws if it cannot be. */
  async ensure(): Promise<string> {
    await this.start();
    const url = urlOf(this.#state);
    if (url) return url;
    if (this.#state.kind !== "failed")
      throw new DescribedError("The server was stopped.", describe("server_stopped", {}));
    const { message, descriptor } = this.#state;
    throw descriptor ? new DescribedError(message, descriptor) : new Error(message);
  }

  /** Stops the server; resolves when no process is left. */
  async dispose(): Promise<void> {
    await this.#queue(() => this.#stop(false));
    await Promise.all(this.#closing);
  }

  #queue(action: () => Promise<void>): Promise<void> {
    return this.#actions.run(() => action().catch((error: Error) => this.#set(failedBy(error))));
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
      // the last request may have met a new sign-in, or a missing one
      if (requests === 0) void this.#check(server, false);
    });
    void this.#check(server, false, true);
  }

  async #check(server: Server, afresh: boolean, isFirst = false): Promise<void> {
    const problem = await server.checkCli({ afresh });
    if (this.#server !== server) return;
    const isNews = isFirst || problem?.code !== this.#cliProblem?.code;
    this.#cliProblem = problem;
    this.#isCliChecked = true;
    if (isNews) this.#checked.emit(problem);
  }

  async #cannotListen(error: NodeJS.ErrnoException, { host, port }: ServerOptions): Promise<void> {
    if (error.code !== "EADDRINUSE") throw error;
    const url = reachable(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
    const found = await this.#probePort(url);
    if (found.kind === "ours") this.#set({ kind: "shared", url, requests: found.requests });
    else {
      const isUnproven = found.kind === "unproven";
      const descriptor = describe(isUnproven ? "port_in_use_by_unproven_server" : "port_in_use", { port });
      this.#set({
        ...{ kind: "failed", message: error.message, descriptor, portTaken: port },
        ...(isUnproven && { isUnproven }),
      });
    }
    this.#scheduleWatch(url);
  }

  /** Probes again after a timeout: another window's extension host may be busy. */
  async #probePort(url: string): Promise<ProbeResult> {
    let found = await this.#parts.probe(url);
    for (let attempt = 1; found.kind === "timeout" && attempt < PROBE_ATTEMPTS; attempt++)
      found = await this.#parts.probe(url);
    return found;
  }

  #scheduleWatch(url: string): void {
    this.#watch = setTimeout(() => void this.#watchPort(url), WATCH_INTERVAL_MS);
  }

  #unwatch(): void {
    this.#timeoutCount = 0;
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  /**
   * Probes the port. Once it is free, the first window to notice starts a server, unless the user has stopped it; the
   * other windows then find the new one.
   */
  async #watchPort(url: string): Promise<void> {
    const watch = this.#watch;
    const found = await this.#parts.probe(url);
    if (this.#watch !== watch) return;
    if (found.kind === "ours") this.#set({ kind: "shared", url, requests: found.requests });
    if (!this.#isGone(found)) return this.#scheduleWatch(url);
    await this.#queue(async () => {
      if (this.#watch !== watch) return;
      if (await this.#parts.stopMarker.isSet()) await this.#stop(false);
      else await this.#start();
    });
  }

  /** True if the port is free, or the shared server was replaced by another program. */
  #isGone({ kind }: ProbeResult): boolean {
    this.#timeoutCount = kind === "timeout" ? this.#timeoutCount + 1 : 0;
    if (kind === "free") return true;
    if (this.#state.kind !== "shared" || kind === "ours") return false;
    return kind !== "timeout" || this.#timeoutCount >= SHARED_TIMEOUT_COUNT;
  }

  async #stop(drain: boolean): Promise<void> {
    this.#unwatch();
    const server = this.#server;
    this.#server = undefined;
    this.#cliProblem = undefined;
    this.#isCliChecked = false;
    if (server) {
      const closed = server.close({ drain }).catch((error: Error) => this.#parts.logger.warn(error.message));
      this.#closing.add(closed);
      void closed.finally(() => this.#closing.delete(closed));
      // the port is free at once, so a new server need not wait while the old one drains
      if (!drain && !(await resolvesWithin(STOP_TIMEOUT_MS, closed)))
        this.#parts.logger.warn("the old server is still closing");
    }
    this.#set({ kind: "stopped" });
  }

  #set(state: State): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    // the server logs its own end
    if (state.kind !== this.#state.kind && state.kind !== "stopped") this.#parts.logger.info(logLine(state));
    this.#state = state;
    this.#changed.emit(state);
  }
}

/** Failures to listen, by the system's code. */
const LISTEN_FAULTS: Readonly<Record<string, MessageDescriptor>> = {
  EACCES: describe("listen_denied", {}),
  EADDRNOTAVAIL: describe("listen_address_unknown", {}),
};

function failedBy(error: NodeJS.ErrnoException & { descriptor?: MessageDescriptor }): State {
  const { message, syscall, code = "" } = error;
  const descriptor = error.descriptor ?? (syscall === "listen" ? LISTEN_FAULTS[code] : undefined);
  return { kind: "failed", message, ...(descriptor && { descriptor }) };
}

/** A URL for clients on this machine: they cannot connect to a wildcard address such as 0.0.0.0. */
function reachable(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

function logLine(state: State): string {
  switch (state.kind) {
    case "running":
      return `this window's server runs at ${state.url}`;
    case "shared":
      return `sharing the server of another window at ${state.url}`;
    case "failed":
      return state.portTaken === undefined
        ? `failed: ${state.message}`
        : `port ${state.portTaken} is taken by ${state.isUnproven ? "a server with another data directory" : "another program"}`;
    default:
      return state.kind;
  }
}
