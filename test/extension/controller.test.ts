import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { State } from "../../src/extension/state.ts";
import type { CliProblem } from "../../src/server.ts";
import { until } from "../support/harness.ts";
import { FakeServer, Machine } from "../support/machine.ts";
import { deferred } from "../support/replies.ts";

const url = "http://127.0.0.1:8080";
const kinds = (states: State[]) => states.map((state) => state.kind);

describe("a window's server", () => {
  it("starts once for several requests to start, and stops", async () => {
    const machine = new Machine();
    const { controller, states } = machine.window();
    await Promise.all([controller.start(), controller.start(), controller.ensure()]);
    expect(controller.state).toEqual({ kind: "running", url, requests: 0 });
    await controller.toggle();
    expect(kinds(states)).toEqual(["starting", "running", "stopped"]);
    expect(machine.owner).toBeUndefined();
    expect(machine.servers).toHaveLength(1);
  });

  it("reports the number of running requests until it is stopped", async () => {
    const machine = new Machine();
    const { controller, states } = machine.window();
    await controller.start();
    machine.servers[0]?.run(2);
    expect(controller.state).toMatchObject({ kind: "running", requests: 2 });
    await controller.stop();
    machine.servers[0]?.run(1);
    expect(states.at(-1)).toEqual({ kind: "stopped" });
  });

  it("is replaced at a restart while the old one finishes its requests", async () => {
    const machine = new Machine();
    const { controller } = machine.window();
    await controller.start();
    machine.servers[0]?.run(1);
    await controller.restart();
    expect(controller.state).toEqual({ kind: "running", url, requests: 0 });
    expect(machine.servers.map((server) => server.drained)).toEqual([true, undefined]);
    let disposed = false;
    const disposal = controller.dispose().then(() => {
      disposed = true;
    });
    await until(() => machine.owner === undefined);
    expect(disposed).toBe(false);
    machine.servers[0]?.idle.resolve();
    await disposal;
  });

  it("stops in bounded time even if the old server does not close", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const machine = new Machine();
    const { controller } = machine.window();
    await controller.start();
    Object.assign(machine.servers[0] as FakeServer, { ended: deferred().promise });
    const stopped = controller.stop();
    await vi.advanceTimersByTimeAsync(9000);
    expect(controller.state.kind).toBe("running");
    await vi.advanceTimersByTimeAsync(1000);
    await stopped;
    expect(controller.state.kind).toBe("stopped");
    await controller.start();
    expect(controller.state.kind).toBe("running");
  });

  it("is replaced at a restart without an unhandled rejection if the old one fails to close", async () => {
    const machine = new Machine();
    const { controller } = machine.window();
    await controller.start();
    if (machine.servers[0]) machine.servers[0].ended = Promise.reject(new Error("disk gone"));
    // vitest fails the run at an unhandled rejection
    await controller.restart();
    expect(controller.state).toMatchObject({ kind: "running" });
    await controller.dispose();
  });

  it("reports what is wrong with the CLI", async () => {
    const machine = new Machine();
    machine.cliProblem = { code: "cli_missing", message: "not found" };
    const { controller } = machine.window();
    const problems: CliProblem[] = [];
    controller.onDidCheckCli((problem) => problem && problems.push(problem));
    await controller.start();
    await until(() => problems.length === 1);
    expect(problems).toEqual([machine.cliProblem]);
  });

  it("notices a new sign-in on request, and after a request to the model", async () => {
    const machine = new Machine();
    const signedOut: CliProblem = { code: "cli_not_signed_in", message: "not signed in" };
    machine.cliProblem = signedOut;
    const { controller } = machine.window();
    const checks: (CliProblem | undefined)[] = [];
    controller.onDidCheckCli((problem) => checks.push(problem));
    expect(controller.cliState).toBe("unknown");
    await controller.start();
    await until(() => checks.length === 1);
    expect(controller.cliState).toBe("cli_not_signed_in");
    machine.cliProblem = undefined;
    await controller.checkCli();
    expect(controller.cliState).toBe("ready");
    machine.cliProblem = signedOut;
    machine.servers[0]?.run(1);
    machine.servers[0]?.run(0);
    await until(() => controller.cliProblem !== undefined);
    await controller.checkCli();
    expect(checks).toEqual([signedOut, undefined, signedOut]);
    await controller.stop();
    expect(controller.cliState).toBe("unknown");
  });

  it("fails if it cannot listen, and can be started again", async () => {
    const machine = new Machine();
    machine.options = { host: "broken" };
    const { controller } = machine.window();
    await expect(controller.ensure()).rejects.toThrow("no such address");
    expect(controller.state).toEqual({ kind: "failed", message: "no such address" });
    machine.options = {};
    expect(await controller.ensure()).toBe(url);
  });

  it("fails if another program has the port", async () => {
    const machine = new Machine();
    machine.owner = "foreign";
    const { controller } = machine.window();
    await controller.start();
    expect(controller.state).toMatchObject({ kind: "failed", portTaken: 8080 });
  });

  it("fails if a server with another secret has the port", async () => {
    const machine = new Machine();
    machine.owner = "unproven";
    const { controller } = machine.window();
    await expect(controller.ensure()).rejects.toThrow("address in use");
    expect(controller.state).toMatchObject({ kind: "failed", portTaken: 8080, isUnproven: true });
    await controller.dispose();
  });

  it("has a URL that clients can connect to", async () => {
    const machine = new Machine();
    machine.options = { host: "0.0.0.0", apiKey: "k" };
    expect(await machine.window().controller.ensure()).toBe("http://127.0.0.1:8080");
  });
});

describe("several windows", () => {
  it("share the server of the first", async () => {
    const machine = new Machine();
    const [first, second] = [machine.window(), machine.window()];
    await first.controller.start();
    machine.servers[0]?.run(3);
    await second.controller.start();
    expect(second.controller.state).toEqual({ kind: "shared", url, requests: 3 });
    await second.controller.stop();
    expect(first.controller.state.kind).toBe("running");
    await first.controller.dispose();
  });

  it("take over when the owner closes, and share the new server", async () => {
    const machine = new Machine();
    const windows = [machine.window(), machine.window(), machine.window()] as const;
    for (const { controller } of windows) await controller.start();
    await windows[0].controller.dispose();
    await until(() => windows.slice(1).some(({ controller }) => controller.state.kind === "running"));
    await until(() => windows.slice(1).some(({ controller }) => controller.state.kind === "shared"));
    expect(machine.owner).toBeInstanceOf(FakeServer);
    for (const { controller } of windows) await controller.dispose();
    expect(machine.owner).toBeUndefined();
  });

  it("share a server that the user has stopped and restarted", async () => {
    const machine = new Machine();
    const first = machine.window();
    await first.controller.start();
    await first.controller.stop();
    await first.controller.restart();
    expect(machine.stopped).toBe(false);
    await first.controller.dispose();
  });

  it("stay stopped after the user has stopped the owner, until one is started", async () => {
    const machine = new Machine();
    const [first, second] = [machine.window(), machine.window()];
    await first.controller.start();
    await second.controller.start();
    await first.controller.stop();
    await until(() => second.controller.state.kind === "stopped");
    expect(machine.owner).toBeUndefined();
    await second.controller.start();
    expect(second.controller.state.kind).toBe("running");
    await second.controller.dispose();
  });

  it("keep sharing while the owner is too busy to answer", async () => {
    const machine = new Machine();
    const [first, second] = [machine.window(), machine.window()];
    await first.controller.start();
    await second.controller.start();
    machine.busy = true;
    machine.servers[0]?.run(1);
    const seen = second.states.length;
    const looks = machine.looks;
    await until(() => machine.looks > looks + 1);
    expect(second.states).toHaveLength(seen);
    machine.busy = false;
    await until(() => second.states.at(-1)?.kind === "shared" && second.states.length > seen);
    expect(second.controller.state).toMatchObject({ kind: "shared", requests: 1 });
    for (const { controller } of [first, second]) await controller.dispose();
  });

  it.each(["foreign", "unproven"] as const)(
    "share nothing with a %s that took the place of the owner",
    async (kind) => {
      const machine = new Machine();
      const [first, second] = [machine.window(), machine.window()];
      await first.controller.start();
      await second.controller.start();
      machine.owner = kind;
      await until(() => second.controller.state.kind === "failed");
      await expect(second.controller.ensure()).rejects.toThrow("address in use");
      for (const { controller } of [first, second]) await controller.dispose();
    },
  );

  it("stop sharing a server that no longer answers", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const machine = new Machine();
    const [first, second] = [machine.window(), machine.window()];
    await first.controller.start();
    await second.controller.start();
    machine.busy = true;
    await vi.advanceTimersByTimeAsync(14_000);
    expect(second.controller.state.kind).toBe("shared");
    await vi.advanceTimersByTimeAsync(2000);
    expect(second.controller.state).toMatchObject({ kind: "failed", portTaken: 8080 });
    machine.busy = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(second.controller.state.kind).toBe("shared");
    for (const { controller } of [first, second]) await controller.dispose();
  });

  it("take the port once the foreign program has left it", async () => {
    const machine = new Machine();
    machine.owner = "foreign";
    const { controller } = machine.window();
    await controller.start();
    expect(controller.state.kind).toBe("failed");
    machine.owner = undefined;
    await until(() => controller.state.kind === "running");
    await controller.dispose();
  });
});
