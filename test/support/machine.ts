import { Controller } from "../../src/extension/controller.ts";
import type { ProbeResult } from "../../src/extension/probe.ts";
import type { State } from "../../src/extension/state.ts";
import { defaultOptions, type ServerOptions } from "../../src/options.ts";
import type { CliProblem, Server } from "../../src/server.ts";
import { deferred } from "./replies.ts";

/** A machine with ports, on which windows start servers. */
export class Machine {
  /** The listener on the port: one of our servers, another program, or a server with another secret. */
  owner: FakeServer | "foreign" | "unproven" | undefined;
  /** True if our servers are too busy to answer. */
  busy = false;
  stopped = false;
  looks = 0;
  readonly servers: FakeServer[] = [];
  cliProblem: CliProblem | undefined;
  options: Partial<ServerOptions> = {};

  window(): { controller: Controller; states: State[] } {
    const controller = new Controller({
      options: async () => ({ ...defaultOptions, environment: {}, ...this.options }),
      createServer: async (options) => new FakeServer(this, options),
      probe: async (): Promise<ProbeResult> => {
        this.looks += 1;
        if (this.owner === undefined) return { kind: "free" };
        if (typeof this.owner === "string") return { kind: this.owner };
        return this.busy ? { kind: "timeout" } : { kind: "ours", requests: this.owner.running, batches: [] };
      },
      stopMarker: {
        set: async () => {
          this.stopped = true;
        },
        clear: async () => {
          this.stopped = false;
        },
        isSet: async () => this.stopped,
      },
      logger: { error() {}, warn() {}, info() {}, debug() {}, trace() {} },
    });
    const states: State[] = [];
    controller.onDidChangeState((state) => states.push(state));
    return { controller, states };
  }
}

export class FakeServer implements Server {
  readonly #machine: Machine;
  readonly #options: ServerOptions;
  #listener = (_running: number) => {};
  running = 0;
  drained: boolean | undefined;
  idle = deferred();
  /** Holds `close` back after the port is free. */
  ended: Promise<void> = Promise.resolve();

  constructor(machine: Machine, options: ServerOptions) {
    this.#machine = machine;
    this.#options = options;
    machine.servers.push(this);
  }

  get url(): string {
    return `http://${this.#options.host}:${this.#options.port}`;
  }

  async listen(): Promise<void> {
    if (this.#options.host === "broken") throw new Error("no such address");
    if (this.#machine.owner) throw Object.assign(new Error("address in use"), { code: "EADDRINUSE" });
    this.#machine.owner = this;
  }

  async close({ drain = false } = {}): Promise<void> {
    this.drained = drain;
    if (this.#machine.owner === this) this.#machine.owner = undefined;
    if (drain && this.running > 0) await this.idle.promise;
    await this.ended;
  }

  onDidChangeRunning(listener: (running: number) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  cliPath(): string {
    return "/opt/claude";
  }

  async checkCli(): Promise<CliProblem | undefined> {
    return this.#machine.cliProblem;
  }

  run(running: number): void {
    this.running = running;
    this.#listener(running);
  }
}
