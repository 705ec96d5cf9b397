import { expect, it } from "vitest";
import { FULL } from "../support/full.ts";
import { health, simple, startApp, until } from "../support/harness.ts";

// on the overlay, where each system prompt has its worker
it("keeps no more idle workers than the bound, whatever number of system prompts there was", async () => {
  const bound = FULL ? 4 : 1;
  await using app = await startApp({ transport: "overlay", warm: 0, ...(FULL ? {} : { maxIdleWorkers: bound }) });
  const prompts = Array.from({ length: FULL ? 10 : 2 }, (_, number) => `Prompt ${number}`);
  for (const system of prompts) expect((await app.post(simple("x", { system }))).status).toBe(200);
  await until(async () => (await health(app)).workers.alive === bound);
  // the one that was busy last is still there
  const started = () => app.log.filter((line) => /worker \d+ started/.test(line)).length;
  const before = started();
  expect((await app.post(simple("x", { system: prompts.at(-1) }))).status).toBe(200);
  expect(started()).toBe(before);
});
