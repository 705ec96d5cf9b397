import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { brokenCli } from "../support/brokenCli.ts";
import { itThorough } from "../support/full.ts";
import { eventsOf, scratchHome, simple, startApp, until } from "../support/harness.ts";
import { body, RawCli } from "../support/rawCli.ts";
import { deferred, heldReply, text } from "../support/replies.ts";
import { workersOf } from "../support/serverProcess.ts";

let cli: RawCli;
beforeAll(async () => {
  cli = await RawCli.start({ system: [] });
});
afterAll(() => cli[Symbol.asyncDispose]());

describe("a control request that the CLI cannot serve", () => {
  it("gets an error reply if it is unknown, also in mid-turn", async () => {
    const ping = { subtype: "claude_virtual_api_ping" };
    const [begun, end] = [deferred(), deferred()];
    cli.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, end.promise);
    const turn = cli.turn(body());
    await begun.promise;
    expect(await cli.control(ping)).toMatchObject({ subtype: "error", error: expect.stringContaining(ping.subtype) });
    end.resolve();
    expect((await turn).events.at(-1)).toEqual({ type: "message_stop" });
    cli.fakeApi.reset();
  });

  it.each(["x", undefined])("is rejected if the settings are not an object: %j", async (settings) => {
    const answer = await cli.control({ subtype: "apply_flag_settings", settings });
    expect(answer).toMatchObject({ subtype: "error", error: expect.stringContaining("requires `settings`") });
  });
});

describe("a turn whose settings the CLI rejects", () => {
  it("is not sent; the next one is", async () => {
    await using scratch = await scratchHome();
    const input = 's/"settings":{"model":"haiku"/"settings":"none","instead_of":{"model":"haiku"/';
    const claudePath = await brokenCli(scratch.home, { input });
    await using app = await startApp({ maxConcurrent: 1, claudePath });
    expect((await app.post(simple("of the client before"))).status).toBe(200);
    app.fakeApi.messages.length = 0;
    const refused = await app.post({ ...simple("refused"), model: "haiku" });
    expect(await refused.json()).toMatchObject({
      error: {
        type: "api_error",
        message: expect.stringMatching(/refused 'apply_flag_settings'.* requires `settings`/),
      },
    });
    expect(refused.status).toBe(500);
    expect((await app.post(simple("next"))).status).toBe(200);
    expect(app.fakeApi.messages.map((message) => message.body.messages[0].content)).toEqual(["next"]);
  });
});

describe.skipIf(process.platform !== "linux")("a CLI that is suspended in mid-answer", () => {
  // faultyCli.test.ts suspends a fake CLI
  itThorough("ends its request; another worker serves the next one", async () => {
    await using app = await startApp({ maxConcurrent: 1, cliSilence: 6000 });
    const begun = deferred();
    app.fakeApi.respond = () => heldReply([text("one two three")], begun.resolve, deferred().promise);
    const response = await app.post(simple("x", { stream: true }));
    await begun.promise;
    const home = dirname(app.dataDir);
    const [pid] = workersOf(home);
    process.kill(pid!, "SIGSTOP");
    const events = await eventsOf(response);
    expect(events.at(-1)).toMatchObject({
      type: "error",
      error: { message: expect.stringContaining("stopped responding") },
    });
    await until(() => !workersOf(home).includes(pid!));
    app.fakeApi.reset();
    expect((await app.post(simple("next"))).status).toBe(200);
  });
});
