import { copyFile, link, mkdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { installVersion } from "../../scripts/installVersion.ts";
import { MINIMUM_VERSION } from "../../src/claude/locate/locate.ts";
import { claudePath } from "../support/claude.ts";
import { FULL } from "../support/full.ts";
import { type App, eventsOf, health, type Scratch, scratchHome, simple, startApp } from "../support/harness.ts";
import { deferred, heldReply, text } from "../support/replies.ts";

/** Replaces a program atomically. */
async function replace(path: string, program: string): Promise<void> {
  const draft = `${path}.new`;
  await mkdir(dirname(path), { recursive: true });
  // copies its 400 MB only if a hard link is not possible
  await link(program, draft).catch(() => copyFile(program, draft));
  await rename(draft, path);
}

async function pointTo(path: string, program: string): Promise<void> {
  const draft = `${path}.new`;
  await mkdir(dirname(path), { recursive: true });
  await symlink(program, draft);
  await rename(draft, path);
}

const BIN = ".local/bin/claude";
const NVM = ".nvm/versions/node/v22.1.0/bin/claude";

/** Installations of the old version, and the steps of an update before and during the next request. */
interface Swap {
  how: string;
  install(home: string, old: string): Promise<void>;
  before(home: string, other: string): Promise<void>;
  during?(home: string, other: string): Promise<void>;
}

const SWAPS: Swap[] = [
  {
    how: "a link is switched",
    install: (home, old) => pointTo(join(home, BIN), old),
    before: (home, other) => pointTo(join(home, BIN), other),
  },
  {
    how: "a file is replaced",
    install: (home, old) => replace(join(home, BIN), old),
    before: (home, other) => replace(join(home, BIN), other),
  },
  {
    how: "npm removes the package and extracts the next one",
    install: (home, old) => replace(join(home, BIN), old),
    before: (home) => rm(join(home, ".local"), { recursive: true }),
    during: (home, other) => replace(join(home, BIN), other),
  },
  {
    how: "it goes and another one is installed elsewhere",
    install: (home, old) => replace(join(home, BIN), old),
    before: async (home, other) => {
      await rm(join(home, BIN));
      await replace(join(home, NVM), other);
    },
  },
];

/** The version that called upstream last. */
const caller = ({ fakeApi }: App) =>
  /^claude-cli\/([\d.]+)/.exec(fakeApi.messages.at(-1)?.headers["user-agent"] ?? "")?.[1];

describe.runIf(FULL && process.platform !== "win32")("a server under which the real CLI is swapped", () => {
  let scratch: Scratch;
  let old: string;
  beforeAll(async () => {
    scratch = await scratchHome();
    old = await installVersion(MINIMUM_VERSION, scratch.home);
  }, 300_000);
  afterAll(() => scratch[Symbol.asyncDispose]());

  it.each(SWAPS)("checks the other version and ends running requests on the old one if $how", async (swap) => {
    const { home, [Symbol.asyncDispose]: remove } = await scratchHome();
    onTestFinished(() => remove());
    await swap.install(home, old);
    await using app = await startApp(({ url }) => ({
      // a project's directory on the PATH may have another CLI
      environment: { PATH: "/usr/bin:/bin", HOME: home, ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: "sk-test-key" },
      ...({ claudePath: undefined } as object),
      selfCheck: true,
      // an idle worker of the old version would serve the next request
      warm: 0,
    }));
    const { promise, resolve } = deferred();
    const begun = deferred();
    app.fakeApi.respond = () => heldReply([text("slow")], begun.resolve, promise);
    const running = app.post(simple("Hello", { system: "on the old one", stream: true }));
    await begun.promise;
    expect(caller(app)).toBe(MINIMUM_VERSION);
    app.fakeApi.reset();

    await swap.before(home, claudePath());
    const next = app.post(simple("Hello", { system: "on the other one" }));
    await swap.during?.(home, claudePath());
    expect((await next).status).toBe(200);
    const version = caller(app) as string;
    expect(version).not.toBe(MINIMUM_VERSION);
    expect((await health(app)).cli.version).toBe(version);
    // the last ones, since the checks start workers as well
    const lineOf = (words: string) => app.log.findLastIndex((line) => line.includes(words));
    expect(lineOf(`${version} passed the self-check`)).toBeGreaterThan(-1);
    expect(lineOf(`started (Claude Code ${version})`)).toBeGreaterThan(lineOf(`${version} passed the self-check`));

    resolve();
    expect((await eventsOf(await running)).at(-1)).toEqual({ type: "message_stop" });
  });
});
