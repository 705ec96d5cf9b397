import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { ServerOptions } from "../../src/options.ts";
import { brokenCli, type Loss, withMod } from "../support/brokenCli.ts";
import { EMPTY, expectOneCallEach, expectOverlay, paid, unpaid } from "../support/fallback.ts";
import { itThorough, sampled } from "../support/full.ts";
import { type App, cliEnvironment, health, scratchHome, simple, startApp, until } from "../support/harness.ts";
import { reply, text } from "../support/replies.ts";
import { SIGN_INS, subscriptionFiles, withVariables, writeFiles } from "../support/signIns.ts";
import { describeRewriting } from "../support/transports.ts";

/** Makes a loss one that begins when the file is there. */
const from = (file: string, { prepare }: Loss): Loss => ({ prepare: `if [ -e '${file}' ]; then ${prepare}; fi` });
/** Does this to each directory of a mod before the CLI reads it. */
const toMods = (command: string): Loss => ({
  prepare: `p=; for a; do case "$p$a" in --plugin-dir*/rewrite) ${command};; esac; p=$a; done`,
});
/** A mod that is asked about the counter alone: what the guard of an organization does once the worker was tried. */
const PASSED_OVER = withMod(
  "s/const isCall = .*/const isCall = CALL.test(request.url); if (isCall) return next(request);/",
);
const UNASKED = withMod("s/if (!isCall \\&\\& !COUNT.test(request.url))/if (true)/");

/** The flags that the CLI keeps of an earlier session, with Anthropic's switch for mods. */
const switched = (isOn: boolean) => ({
  cachedGrowthBookFeatures: { tengu_plugin_hooks_modules: isOn },
  cachedGrowthBookFeaturesAt: Date.now(),
});
/** Has the CLI read them, which it does not with the variables of a worker. */
const READS_FLAGS = { CLAUDE_CODE_GB_DISK_CACHE_WHEN_TELEMETRY_OFF: "1" };

/** A server whose requests are rewritten, until `lose` has the next worker come up without its mod. */
async function rewriting(loss: Loss, { extraEnvironment = {}, maxConcurrent = 1 }: Partial<ServerOptions> = {}) {
  const scratch = await scratchHome();
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  const lost = join(scratch.home, "lost");
  const claudePath = await brokenCli(scratch.home, from(lost, loss));
  const config = join(scratch.home, ".claude.json");
  await writeFile(config, JSON.stringify(switched(true)));
  const app = await startApp((fakeApi) => ({
    environment: cliEnvironment(scratch.home, fakeApi),
    ...{ claudePath, extraEnvironment, maxConcurrent },
  }));
  onTestFinished(() => app[Symbol.asyncDispose]());
  expect((await app.post(simple())).status).toBe(200);
  expect((await health(app)).transport).toMatchObject({ name: "rewrite", reason: null });
  const lose = async () => {
    await writeFile(lost, "");
    await endWorker(app);
    app.fakeApi.reset();
  };
  return { app, config, lose };
}

/** Ends the only worker, so that the next request starts one. */
async function endWorker(app: App): Promise<void> {
  const pid = app.log.map((line) => /worker (\d+) started/.exec(line)?.[1]).findLast((found) => found !== undefined);
  process.kill(Number(pid), "SIGKILL");
  await until(async () => (await health(app)).workers.alive === 0);
}

const NOT_LOADED = "the mod that rewrites requests was not loaded";
const NOT_ASKED = "Claude Code does not ask mods about calls";

describeRewriting("a mod that is taken away while the server runs", () => {
  const losses: [string, Loss, string, number][] = [
    ["is asked about the counter, but not about calls", PASSED_OVER, NOT_ASKED, 1],
    ["is asked about nothing", UNASKED, NOT_ASKED, 0],
    ["is not there when the worker starts", toMods('rm -r "$a"'), NOT_LOADED, 0],
    ["is empty when the worker starts", toMods('rm -r "$a"/*'), NOT_LOADED, 0],
    ["cannot be run", toMods('echo "throw 1" > "$a/hooks/register.js"'), NOT_LOADED, 0],
  ];
  it.each(sampled(losses, losses.length, 1))(
    "leaves its requests to the overlay, one paid call each: it %s",
    async (_how, loss, reason, refusedCalls) => {
      const { app, lose } = await rewriting(loss);
      await lose();
      await expectOneCallEach(app);
      expect(unpaid(app.fakeApi)).toBe(refusedCalls);
      await expectOverlay(app, reason, app.log.join("\n"));
    },
  );

  it("by a gateway that takes a request without messages costs no client its answer", async () => {
    const { app, lose } = await rewriting(PASSED_OVER);
    await lose();
    app.fakeApi.respond = ({ body }) => reply([text(body.messages.length === 0 ? "a guess" : "the answer")]);
    const response = await app.post(simple());
    expect(await response.json()).toMatchObject({ content: [{ text: "the answer" }] });
    expect([paid(app.fakeApi), unpaid(app.fakeApi)]).toEqual([1, 1]);
    // nor many tokens to its owner
    expect(app.fakeApi.messages[0]?.body.max_tokens).toBe(0);
  });

  itThorough("costs requests that are under way one refused call each, at most", async () => {
    const { app, lose } = await rewriting(PASSED_OVER, { maxConcurrent: 3 });
    await lose();
    app.fakeApi.respond = ({ body }) => (body.messages.length === 0 ? EMPTY : reply([text("x")]));
    const responses = await Promise.all(["a", "b", "c"].map((content) => app.post(simple(content))));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(paid(app.fakeApi)).toBe(3);
    expect(unpaid(app.fakeApi)).toBeLessThanOrEqual(3);
    await expectOverlay(app, NOT_ASKED, app.log.join("\n"));
  });

  it("by Anthropic's switch leaves them to the overlay without mods", async () => {
    const { app, config, lose } = await rewriting({ prepare: ":" }, { extraEnvironment: READS_FLAGS });
    const known = JSON.parse(await readFile(config, "utf8"));
    await writeFile(config, JSON.stringify({ ...known, ...switched(false) }));
    await lose();
    await expectOneCallEach(app, () => app.log.join("\n"));
    await expectOverlay(app, NOT_LOADED, app.log.join("\n"));
    expect((await health(app)).cli.organization.mods_forbidden_by).toEqual(["Anthropic's switch"]);
  });

  itThorough("by that switch is not, since workers do not read it", async () => {
    const { app, config, lose } = await rewriting({ prepare: ":" });
    const known = JSON.parse(await readFile(config, "utf8"));
    await writeFile(config, JSON.stringify({ ...known, ...switched(false) }));
    await lose();
    expect((await app.post(simple())).status).toBe(200);
    expect((await health(app)).transport.name).toBe("rewrite");
  });

  it("by the loss of its files goes on in workers that have read them, and is written anew for others", async () => {
    const { app, lose } = await rewriting({ prepare: ":" });
    for (const change of [async () => {}, lose]) {
      await rm(join(app.dataDir, "rewrite"), { recursive: true, force: true });
      await change();
      await expectOneCallEach(app);
      expect([unpaid(app.fakeApi), (await health(app)).transport.name]).toEqual([0, "rewrite"]);
    }
  });
});

describeRewriting("a sign-in of an organization that comes while the server runs", () => {
  itThorough("leaves its requests to the overlay, one paid call each, as soon as a worker has shown it", async () => {
    const scratch = await scratchHome();
    onTestFinished(() => scratch[Symbol.asyncDispose]());
    const app = await startApp((fakeApi) => ({
      environment: withVariables(cliEnvironment(scratch.home, fakeApi), SIGN_INS["signed out"].env),
      maxConcurrent: 1,
    }));
    onTestFinished(() => app[Symbol.asyncDispose]());
    await until(async () => (await health(app)).cli?.signed_in === false);
    await writeFiles(scratch.home, subscriptionFiles("team"));
    let requests = 0;
    await until(async () => {
      requests += 1;
      expect((await app.post(simple())).status).toBe(200);
      return (await health(app)).transport.name === "overlay";
    });
    expect([paid(app.fakeApi), unpaid(app.fakeApi)]).toEqual([requests, 0]);
    await expectOneCallEach(app, () => app.log.join("\n"));
    await expectOverlay(app, "the organization has Claude Team", app.log.join("\n"));
  });
});
