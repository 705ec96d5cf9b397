import { expect, it } from "vitest";
import type { Pool } from "../../../src/claude/pool/pool.ts";
import type { CountQuestion } from "../../../src/tokens/countQuestion.ts";
import { TokenCounter } from "../../../src/tokens/tokenCounter.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { silentLogger } from "../../support/silentLogger.ts";

const session = {
  configure: async () => {},
  append: async () => {},
  measure: async () => ({ messages: 7, system: 0, tools: 0 }),
};

it("keeps no worker in memory after its count, while the client is still connected", async () => {
  const workers: WeakRef<object>[] = [];
  const prepare = async () => {
    const worker = { begin: () => session };
    workers.push(new WeakRef(worker));
    return worker;
  };
  const counting = { prepare, isSignedIn: () => true, dismiss: () => {} };
  const counter = new TokenCounter({ counting } as unknown as Pool, 0, silentLogger);
  const asked = { key: "k", model: "sonnet", precision: "exact", system: "", history: [], rest: 0 };
  const question = async () => asked as unknown as CountQuestion;
  const read = { model: "sonnet", exact: undefined, question, estimate: async () => 0 };
  const { signal } = new AbortController();
  expect(await counter.count(read, signal)).toEqual({ tokens: 7, precision: "exact" });
  await expect
    .poll(() => {
      collectGarbage();
      return workers.map((worker) => worker.deref() === undefined);
    })
    .toEqual([true]);
  expect(signal.aborted).toBe(false);
});
