import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { TransportOption } from "../../src/claude/transport/transportChoice.ts";
import { fakeCli } from "../support/fakeCli.ts";
import { sampled } from "../support/full.ts";
import { type App, health, scratchHome, simple, startApp, until } from "../support/harness.ts";

const OLD = "2.1.330";
const NEW = "2.1.331";

/** A home with directories for two installations, both on the PATH, and a server that searches there. */
async function machine(claudePath?: string) {
  const { home, [Symbol.asyncDispose]: remove } = await scratchHome();
  onTestFinished(() => remove());
  const [first, second] = [join(home, "first"), join(home, "second")] as const;
  await mkdir(first);
  await mkdir(second);
  const install = (directory: string, version: string, fault?: string) =>
    fakeCli(directory, fault, { name: "claude", version });
  const serve = async (transport: TransportOption = "auto"): Promise<App> => {
    const environment = { PATH: `${first}:${second}:/usr/bin:/bin`, HOME: home, ANTHROPIC_API_KEY: "sk-test" };
    const searched = claudePath ? { claudePath: join(home, claudePath) } : { claudePath: undefined };
    const app = await startApp({ ...(searched as object), environment, transport });
    onTestFinished(() => app[Symbol.asyncDispose]());
    return app;
  };
  return { home, first, second, install, serve };
}

/** Sends a request that no idle worker of the overlay can take. */
let systems = 0;
const ask = (app: App) => app.post(simple("Hello", { system: `system ${++systems}` }));

/**
 * Has a worker serve once more, which shows that its CLI has changed; that of the request before may have been given back after
 * the change, and then another CLI has answered this one.
 */
async function expectReplaced(app: App): Promise<void> {
  const before = (await health(app)).cli.version;
  await (await ask(app)).text();
  await until(async () => {
    const { workers, cli } = await health(app);
    return workers.alive === 0 || cli.version !== before;
  });
}

async function expectServedBy(app: App, version: string): Promise<void> {
  const response = await ask(app);
  expect({ status: response.status, body: await response.json() }).toMatchObject({
    status: 200,
    body: { content: [{ type: "text", text: "served" }] },
  });
  expect((await health(app)).cli.version).toBe(version);
  expect(app.log.findLast((line) => line.includes("started (Claude Code"))).toContain(version);
}

const garbage = (path: string) => writeFile(path, "#!/bin/sh\necho garbage\n", { mode: 0o755 });

/** What may happen to an installation while a server runs. */
const CHANGES: [how: string, change: (home: string, first: string) => Promise<unknown>][] = [
  ["its directory is removed", (_, first) => rm(first, { recursive: true })],
  [
    "a file takes the place of its directory",
    async (_, first) => {
      await rm(first, { recursive: true });
      await writeFile(first, "");
    },
  ],
  [
    "its symbolic link dangles",
    async (home, first) => {
      await rm(join(first, "claude"));
      await symlink(join(home, "gone"), join(first, "claude"));
    },
  ],
  [
    "it is no longer executable",
    async (_, first) => {
      const text = await readFile(join(first, "claude"));
      await rm(join(first, "claude"));
      await writeFile(join(first, "claude"), text, { mode: 0o644 });
    },
  ],
  ["another program takes its place", (_, first) => garbage(join(first, "claude"))],
  ["its interpreter is missing", (_, first) => writeFile(join(first, "claude"), "#!/nowhere/node\n", { mode: 0o755 })],
  ["a program too old takes its place", (_, first) => fakeCli(first, undefined, { name: "claude", version: "2.1.1" })],
];

describe.skipIf(process.platform === "win32")("a running server", () => {
  it("finds the CLI elsewhere once its path has vanished", async () => {
    const { first, second, install, serve } = await machine();
    const path = await install(first, OLD);
    const app = await serve();
    await expectServedBy(app, OLD);
    await install(second, NEW);
    await rm(path);
    await expectReplaced(app);
    await expectServedBy(app, NEW);
  });

  it.each(sampled(CHANGES, 3))("uses the next one where %s", async (_how, change) => {
    const { home, first, second, install, serve } = await machine();
    await install(first, OLD);
    await install(second, NEW);
    const app = await serve();
    await expectServedBy(app, OLD);
    await change(home, first);
    await expectReplaced(app);
    await expectServedBy(app, NEW);
  });

  it("goes back to the first one once an update has put it back", async () => {
    const { first, second, install, serve } = await machine();
    await install(first, OLD);
    await install(second, "2.1.325");
    const app = await serve();
    await expectServedBy(app, OLD);
    await rm(join(first, "claude"));
    await expectReplaced(app);
    // on the overlay, each system prompt has its own worker
    await expectServedBy(app, "2.1.325");
    await install(first, NEW);
    await expectServedBy(app, NEW);
    expect(app.log.filter((line) => line.includes("Claude Code changed"))).toHaveLength(2);
  });

  it("uses one that it has passed over once that is mended", async () => {
    const { first, second, install, serve } = await machine();
    await install(first, "2.1.1");
    await install(second, OLD);
    const app = await serve();
    await expectServedBy(app, OLD);
    await install(first, NEW);
    await expectReplaced(app);
    await expectServedBy(app, NEW);
  });

  it("looks at a symbolic link's new target, and lets idle workers of the old version go", async () => {
    const { home, first, install, serve } = await machine();
    const link = join(first, "claude");
    await symlink(await install(join(home, "versions", OLD), OLD), link);
    const app = await serve("overlay");
    await expectServedBy(app, OLD);
    await expectServedBy(app, OLD);
    const before = (await health(app)).workers.alive;
    expect(before).toBeGreaterThan(1);
    await symlink(await install(join(home, "versions", NEW), NEW), `${link}.new`);
    await rename(`${link}.new`, link);
    await expectServedBy(app, NEW);
    await until(async () => (await health(app)).workers.alive === 1);
    expect(app.log.join("\n")).toMatch(new RegExp(`Claude Code changed: ${OLD} at .* is now ${NEW} at `));
  });

  it("looks anew at a configured path that has been replaced", async () => {
    const { home, second, install, serve } = await machine("claude");
    await install(second, NEW);
    await install(home, OLD);
    const app = await serve();
    await expectServedBy(app, OLD);
    await install(home, "2.1.335");
    await expectReplaced(app);
    await expectServedBy(app, "2.1.335");
  });

  it("notices by its first worker that a shim starts another version", async () => {
    const { home, first, install, serve } = await machine();
    await install(join(home, "versions", OLD), OLD);
    await install(join(home, "versions", NEW), NEW);
    await writeFile(join(home, "current"), OLD);
    const shim = `#!/bin/sh\nexec "${home}/versions/$(cat '${home}/current')/claude" "$@"\n`;
    await writeFile(join(first, "claude"), shim, { mode: 0o755 });
    const app = await serve("overlay");
    await expectServedBy(app, OLD);
    await writeFile(join(home, "current"), NEW);
    await expectServedBy(app, NEW);
  });

  it("ends a running request on the old version", async () => {
    const { home, first, install, serve } = await machine();
    const released = join(home, "released");
    const held = `(fake, message) => {
      if (message.type !== "user") return false;
      fake.begin();
      fake.begin = () => {};
      import("node:fs").then(({ existsSync, unwatchFile, watchFile }) => {
        watchFile("${released}", { interval: 10 }, () => {
          if (!existsSync("${released}")) return;
          unwatchFile("${released}");
          fake.reply();
        });
      });
    }`;
    await install(first, OLD, held);
    const app = await serve();
    // only the first process holds its answer: the one without a system prompt that described itself
    expect(await app.server.checkCli()).toBeUndefined();
    const running = app.post(simple());
    await until(() => app.server.running === 1);
    await install(first, NEW);
    await expectServedBy(app, NEW);
    expect(app.server.running).toBe(1);
    await writeFile(released, "");
    expect((await running).status).toBe(200);
  });
});
