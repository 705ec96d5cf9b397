import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { installMod } from "../../src/claude/process/modFiles.ts";
import { triggerOf } from "../../src/claude/protocol/trigger.ts";
import { COUNT_MOD, SEED_TEXT } from "../../src/claude/transport/rewrite/countMod.ts";
import { countInstruction } from "../../src/claude/transport/rewrite/instruction.ts";
import { apiCount } from "../support/apiCount.ts";
import { type Scratch, scratchHome, until } from "../support/harness.ts";
import { RawCli } from "../support/rawCli.ts";
import { deferred, type Reply } from "../support/replies.ts";

const WITHOUT_MESSAGES = '{"messages":[]}';
const LIMITED: Reply = {
  status: 429,
  error: { type: "rate_limit_error", message: "Slow down" },
  headers: { "x-should-retry": "true" },
};

async function seed(cli: RawCli): Promise<void> {
  const taken = cli.next(({ type, state }) => type === "command_lifecycle" && state === "completed");
  const message = { role: "user", content: SEED_TEXT };
  cli.write({ ...triggerOf(""), uuid: randomUUID(), message, shouldQuery: false });
  await taken;
}

/** Sends a prompt and waits until the CLI has finished with it. */
async function prompt(cli: RawCli, content: string) {
  const result = cli.next(({ type }) => type === "result");
  cli.write(triggerOf(content));
  return result;
}

async function usage(cli: RawCli): Promise<number> {
  const { response } = await cli.control({ subtype: "get_context_usage" });
  return response.categories.find(({ id }: { id: string }) => id === "messages")?.tokens;
}

it("the CLI repeats its own count after a 429", async () => {
  await using cli = await RawCli.start({ system: [] });
  await seed(cli);
  cli.fakeApi.refuseCount = () => LIMITED;
  await usage(cli);
  expect(cli.fakeApi.counts.filter(({ raw }) => raw.includes(SEED_TEXT))).toHaveLength(2);
});

describe("with the counter's mod", () => {
  let cli: RawCli;
  let scratch: Scratch;
  beforeAll(async () => {
    scratch = await scratchHome();
    const args = ["--plugin-dir", await installMod(scratch.home, COUNT_MOD)];
    cli = await RawCli.start({ args, system: [], env: { CLAUDE_CODE_EXTRA_BODY: WITHOUT_MESSAGES } });
    await cli.settings({ model: "sonnet" });
    await seed(cli);
  });
  afterAll(async () => {
    await cli[Symbol.asyncDispose]();
    await scratch[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    cli.fakeApi.reset();
    cli.stderrLines.length = 0;
  });

  const body = { messages: [{ role: "user", content: "a most secret question" }] };
  const instruction = countInstruction(JSON.stringify({ model: "x", ...body }), { betas: [] });

  it("an instruction begins no turn, and the next count uses it", async () => {
    expect(await prompt(cli, instruction)).toMatchObject({ is_error: false, num_turns: 0 });
    expect(await usage(cli)).toBe(apiCount(body));
    expect(cli.fakeApi.counts.map((call) => call.body)).toEqual([{ model: expect.any(String), ...body }]);
    expect(cli.fakeApi.messages).toEqual([]);
    expect(cli.stderrLines.filter((line) => line.includes("secret"))).toEqual([]);
  });

  it("nothing is sent without an instruction, and each allows one call", async () => {
    await usage(cli);
    await prompt(cli, instruction);
    await usage(cli);
    await usage(cli);
    expect(cli.fakeApi.counts).toHaveLength(1);
  });

  it("model calls are never sent", async () => {
    expect(await prompt(cli, "Hello")).toMatchObject({ is_error: true });
    await prompt(cli, instruction);
    expect(await prompt(cli, "Hello")).toMatchObject({ is_error: true });
    await usage(cli);
    expect(cli.fakeApi.messages).toEqual([]);
  });

  it("a refusal is not repeated, and its message is on stderr", async () => {
    cli.fakeApi.refuseCount = () => LIMITED;
    await prompt(cli, instruction);
    await usage(cli);
    expect(cli.fakeApi.counts).toHaveLength(1);
    await until(() => cli.stderrLines.some((line) => /countTokens API call failed: 499 \{.*"Slow down"/.test(line)));
  });

  it("an answer without a number makes the CLI estimate, which it logs on stderr", async () => {
    cli.fakeApi.refuseCount = () => ({ events: [], folded: { tokens: 12 } });
    await prompt(cli, instruction);
    expect(await usage(cli)).toBeGreaterThan(0);
    await until(() => cli.stderrLines.some((line) => line.includes("count unavailable, estimating")));
  });

  it("the CLI counts one thing at a time, but accepts prompts meanwhile", async () => {
    const [asked, answered] = [deferred(), deferred()];
    cli.fakeApi.refuseCount = async () => {
      asked.resolve();
      await answered.promise;
      return undefined;
    };
    await prompt(cli, instruction);
    const first = usage(cli);
    await asked.promise;
    await prompt(cli, instruction);
    const second = usage(cli);
    // answered at once, although it came later
    await cli.control({ subtype: "mcp_status" });
    expect(cli.fakeApi.counts).toHaveLength(1);
    answered.resolve();
    expect(await Promise.all([first, second])).toEqual([apiCount(body), apiCount(body)]);
  });
});
