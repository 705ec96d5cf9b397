import { expect, it } from "vitest";
import type { CliDescription } from "../../../src/claude/description.ts";
import { KnownDescription } from "../../../src/claude/knownDescription.ts";
import { recordingLogger } from "../../support/recordingLogger.ts";

function known() {
  const log: string[] = [];
  const logger = recordingLogger(log, (level) => `${level}:`);
  const answers: CliDescription[] = [];
  let asked = 0;
  const description: KnownDescription = new KnownDescription(logger, async () => {
    asked += 1;
    const answer = answers.shift();
    if (!answer) throw new Error("does not start");
    description.accept(answer);
  });
  return { description, log, answers, asked: () => asked };
}
const key = { models: [], account: { tokenSource: "none", apiKeySource: "ANTHROPIC_API_KEY" } };

it("logs a sign-in once, and again when it has changed", () => {
  const { description, log } = known();
  description.accept(key);
  description.accept({ ...key });
  description.accept({ models: [], account: { tokenSource: "none" } });
  description.accept({ models: [], account: { tokenSource: "claude.ai", apiKeySource: "ANTHROPIC_API_KEY" } });
  expect(log).toEqual([
    "info: signed in with ANTHROPIC_API_KEY",
    expect.stringMatching(/^warn: not signed in/),
    expect.stringMatching(/^warn: signed in with ANTHROPIC_API_KEY; ANTHROPIC_API_KEY displaces/),
  ]);
});

it("asks the CLI once until it has an answer", async () => {
  const { description, answers, asked } = known();
  await expect(description.describe()).rejects.toThrow("does not start");
  answers.push(key);
  expect(await Promise.all([description.describe(), description.describe()])).toEqual([key, key]);
  expect(await description.describe()).toEqual(key);
  expect(asked()).toBe(2);
});

it("asks again when it is to ask afresh, as after a sign-in", async () => {
  const { description, answers } = known();
  answers.push({ models: [], account: { tokenSource: "none" } }, key);
  await description.describe();
  expect(await description.describe({ afresh: true })).toEqual(key);
});

it("asks again once for each refusal", async () => {
  const { description, log, asked } = known();
  description.doubt();
  description.refresh();
  expect(asked()).toBe(0);
  description.accept(key);
  description.doubt();
  description.refresh();
  description.refresh();
  expect(asked()).toBe(1);
  await expect.poll(() => log).toContain("warn: does not start");
  description.refresh();
  description.doubt();
  description.accept(key);
  description.refresh();
  expect(asked()).toBe(1);
});
