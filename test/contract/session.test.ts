import { expect, it } from "vitest";
import { installMod } from "../../src/claude/process/modFiles.ts";
import { ONE_CALL_MOD } from "../../src/claude/transport/overlay/oneCallMod.ts";
import { scratchHome } from "../support/harness.ts";
import { body, RawCli } from "../support/rawCli.ts";

it("the CLI reports its session before it is initialized, with each call and in its own metadata", async () => {
  await using scratch = await scratchHome();
  const mod = await installMod(scratch.home, ONE_CALL_MOD);
  await using cli = await RawCli.start({ args: ["--plugin-dir", mod] });
  const first = cli.next(({ type }) => type === "system" || type === "control_response");
  const initialized = cli.initialize("Be brief.");
  const { type, session_id: session } = await first;
  await initialized;
  expect([type, session]).toEqual(["system", expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  await cli.turn(body("one"));
  await cli.turn(body("two", { metadata: { user_id: "a client's" } }));
  await cli.control({ subtype: "get_context_usage" });
  const { messages, counts } = cli.fakeApi;
  const headers = [...messages, ...counts].map((call) => call.headers["x-claude-code-session-id"]);
  expect(new Set(headers)).toEqual(new Set([session]));
  expect(messages.map((call) => call.body.metadata.user_id)).toEqual([expect.stringContaining(session), "a client's"]);
});
