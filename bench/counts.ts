import { simple, startApp } from "../test/support/harness.ts";

const ROUNDS = 20;
const CONCURRENCY = 24;

const quantile = (values: number[], q: number) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)]!;

/** Measures token counts on both transports, with an upstream that responds at once. No two bodies are equal. */
await using rewriting = await startApp();
await using overlaying = await startApp({ transport: "overlay" });
let asked = 0;

async function count(app: typeof rewriting): Promise<number> {
  asked += 1;
  const { max_tokens: _, ...body } = simple(`question ${asked}`, { system: `Prompt ${asked}` });
  const start = performance.now();
  const response = await app.call("/v1/messages/count_tokens", { method: "POST", body: JSON.stringify(body) });
  await response.text();
  if (response.status !== 200) throw new Error(`A count failed with ${response.status}.`);
  return performance.now() - start;
}

async function atOnce(app: typeof rewriting): Promise<number> {
  const start = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, () => count(app)));
  return performance.now() - start;
}

const first = { rewrite: await count(rewriting), overlay: await count(overlaying) };
const times = { rewrite: [] as number[], overlay: [] as number[] };
// alternate, so that other load on the machine affects both equally
for (let round = 0; round < ROUNDS; round++) {
  times.rewrite.push(await count(rewriting));
  times.overlay.push(await count(overlaying));
}
const many = { rewrite: await atOnce(rewriting), overlay: await atOnce(overlaying) };

const row = (name: string, rewrite: number, overlay: number) => {
  const cells = [rewrite, overlay].map((value) => `${value.toFixed(1).padStart(9)} ms`);
  console.log(`${name.padEnd(30)} ${cells.join("  ")}  ${(rewrite / overlay).toFixed(3).padStart(7)} ×`);
};
console.log(`Token counts (${ROUNDS} rounds)`);
console.log(`${"".padEnd(30)} ${"rewrite".padStart(12)}  ${"overlay".padStart(12)}    ratio`);
row("the first one", first.rewrite, first.overlay);
row("median", quantile(times.rewrite, 0.5), quantile(times.overlay, 0.5));
row("p95", quantile(times.rewrite, 0.95), quantile(times.overlay, 0.95));
row(`${CONCURRENCY} at once, until the last`, many.rewrite, many.overlay);
console.log(
  `model calls: ${rewriting.fakeApi.messages.length} and ${overlaying.fakeApi.messages.length}, counts per request: ${(rewriting.fakeApi.counts.length / (1 + ROUNDS + CONCURRENCY)).toFixed(2)} and ${(overlaying.fakeApi.counts.length / (1 + ROUNDS + CONCURRENCY)).toFixed(2)}`,
);
