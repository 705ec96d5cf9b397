import { expect, it } from "vitest";
import type { CliDescription } from "../../../../src/claude/signIn/description.ts";
import { DescriptionCache } from "../../../../src/claude/signIn/descriptionCache.ts";
import { recordingLogger } from "../../../support/recordingLogger.ts";

const signedOut = { models: [], account: { tokenSource: "none" } };

function known(now = () => 0) {
  const log: string[] = [];
  const logger = recordingLogger(log, (level) => `${level}:`);
  const answers: CliDescription[] = [];
  let asked = 0;
  const description: DescriptionCache = new DescriptionCache(
    logger,
    async () => {
      asked += 1;
      const answer = answers.shift();
      if (!answer) throw new Error("does not start");
      description.accept(answer);
    },
    now,
  );
  return { description, log, answers, asked: () => asked };
}
const key = { models: [], account: { tokenSource: "none", apiKeySource: "ANTHROPIC_API_KEY" } };

it("logs a sign-in once, and again after a change", () => {
  const { description, log } = known();
  description.accept(key);
  description.accept({ ...key });
  description.accept({ models: [], account: { tokenSource: "none" } });
  description.accept({ models: [], account: { tokenSource: "claude.ai", apiKeySource: "ANTHROPIC_API_KEY" } });
  expect(log).toEqual([
    "info: signed in with ANTHROPIC_API_KEY",
    expect.stringMatching(/^warn: not signed in/),
    expect.stringMatching(/^warn: signed in with ANTHROPIC_API_KEY; ANTHROPIC_API_KEY overrides/),
  ]);
});

it("asks the CLI once until it has a description", async () => {
  const { description, answers, asked } = known();
  await expect(description.describe()).rejects.toThrow("does not start");
  answers.push(key);
  expect(await Promise.all([description.describe(), description.describe()])).toEqual([key, key]);
  expect(await description.describe()).toEqual(key);
  expect(asked()).toBe(2);
});

it("asks again with `afresh`, as after a sign-in", async () => {
  const { description, answers } = known();
  answers.push({ models: [], account: { tokenSource: "none" } }, key);
  await description.describe();
  expect(await description.describe({ afresh: true })).toEqual(key);
});

it("asks once more after each refusal", async () => {
  const { description, log, asked } = known();
  description.markStale();
  description.refresh();
  expect(asked()).toBe(0);
  description.accept(key);
  description.markStale();
  description.refresh();
  description.refresh();
  expect(asked()).toBe(1);
  await expect.poll(() => log).toContain("warn: does not start");
  description.refresh();
  description.markStale();
  description.accept(key);
  description.refresh();
  expect(asked()).toBe(1);
});

it("asks a signed-out CLI again every half minute, when the description is read", async () => {
  let time = 0;
  const { description, answers, asked } = known(() => time);
  answers.push(signedOut, signedOut, key);
  await description.describe();
  for (time of [29_999, 30_000, 31_000]) description.refresh();
  expect(asked()).toBe(2);
  await expect.poll(() => answers.length).toBe(1);
  time = 60_000;
  description.refresh();
  expect(await description.describe()).toEqual(key);
  time = 1_000_000;
  description.refresh();
  expect(asked()).toBe(3);
});

it("asks a signed-out CLI again when a request was answered", async () => {
  const { description, answers, asked } = known();
  description.noteAnswer();
  description.accept(signedOut);
  answers.push(signedOut, key);
  for (let answer = 1; answer <= 3; answer++) description.noteAnswer();
  expect(asked()).toBe(1);
  expect(await description.describe()).toEqual(signedOut);
  description.noteAnswer();
  expect(asked()).toBe(1);
  description.accept(key);
  description.noteAnswer();
  expect(asked()).toBe(1);
});
