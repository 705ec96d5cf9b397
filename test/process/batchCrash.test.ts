import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, it, onTestFailed } from "vitest";
import { BatchCalls, type BatchItem, items, outcomesIn, wholeLines } from "../support/batchCalls.ts";
import { FakeApi, type Recorded } from "../support/fakeApi.ts";
import { FULL, itThorough, QUICK } from "../support/full.ts";
import { scratchHome, until } from "../support/harness.ts";
import { Random } from "../support/random.ts";
import { echo, pacedReply, type StreamEvent } from "../support/replies.ts";
import { type ServerProcess, startServerProcess, workersOf } from "../support/serverProcess.ts";

const ROUNDS = FULL ? 50 : QUICK ? 1 : 2;
const REQUESTS = FULL ? 200 : QUICK ? 6 : 12;
const UPLOADS = FULL ? 50 : QUICK ? 2 : 3;

/** Concurrent requests of batches: half of the server's maximum. */
const CONCURRENCY = FULL ? 4 : 2;

/** The moment of a request at which the server ends. */
const MOMENTS = ["asked", "half answered", "answered", "stored"] as const;

/** The text of a request: its id. */
const idOf = (recorded: Recorded): string => recorded.body.messages.at(-1).content;

/** A data directory and an upstream that outlive their servers. */
class Site implements AsyncDisposable {
  readonly home: string;
  readonly fakeApi: FakeApi;
  readonly batches = new BatchCalls(this);
  #server: ServerProcess | undefined;

  constructor(home: string, fakeApi: FakeApi) {
    this.home = home;
    this.fakeApi = fakeApi;
  }

  get url(): string {
    return this.server.url;
  }

  get server(): ServerProcess {
    if (!this.#server) throw new Error("No server runs.");
    return this.#server;
  }

  get data(): string {
    return join(this.home, "data");
  }

  async start(): Promise<void> {
    const environment = { HOME: this.home, ANTHROPIC_BASE_URL: this.fakeApi.url };
    const bounds = ["--max-concurrent", String(2 * CONCURRENCY)];
    this.#server = await startServerProcess(["--data-dir", this.data, ...bounds], environment);
  }

  /** Ends the server. Resolves once none of its workers can call upstream. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const { child } = this.server;
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await expect.poll(() => workersOf(this.home), { timeout: 10_000 }).toEqual([]);
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
    return child.exitCode;
  }

  /** The stored results. */
  stored(id: string): string {
    return readFileSync(join(this.data, "batches", id, "results.jsonl"), "utf8");
  }

  /** Ids of the requests that reached upstream, repetitions included. */
  get calls(): string[] {
    return this.fakeApi.messages.map(idOf);
  }

  /** Resolves at a moment of the nth request from now on. */
  reached(n: number, moment: (typeof MOMENTS)[number], batch: () => string): Promise<void> {
    let seen = 0;
    return new Promise((resolve) => {
      const size = () => statSync(join(this.data, "batches", batch(), "results.jsonl")).size;
      this.fakeApi.respond = (recorded) => {
        const answer = echo(recorded.body);
        seen += 1;
        if (seen !== n || !("events" in answer)) return answer;
        if (moment === "asked") resolve();
        if (moment === "half answered")
          return pacedReply(notifyingAt(3, [...(answer.events as StreamEvent[])], resolve));
        void recorded.finished.then(async () => {
          const before = size();
          if (moment === "stored") await until(() => size() > before);
          resolve();
        });
        return answer;
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server) await this.end("SIGKILL");
    await this.fakeApi.close();
  }
}

function* notifyingAt(position: number, events: StreamEvent[], notify: () => void): Generator<StreamEvent> {
  for (const [index, event] of events.entries()) {
    if (index === position) notify();
    yield event;
  }
}

/** `CLAUDE_VIRTUAL_API_SEED` repeats the moments, as far as processes allow. */
function seeded(): Random {
  const seed = Number(process.env.CLAUDE_VIRTUAL_API_SEED ?? Math.floor(Math.random() * 2 ** 31));
  onTestFailed(() => console.error(`CLAUDE_VIRTUAL_API_SEED=${seed}`));
  return new Random(seed);
}

/** Waits for a few turns of the event loop, so that the end varies. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Checks an ended batch whose server ended while it ran. Returns its results. */
async function expectWhole(site: Site, id: string, sent: BatchItem[], stored: string, underWay: Set<string>) {
  const none = { processing: 0, errored: 0, canceled: 0, expired: 0 };
  expect((await site.batches.ended(id)).request_counts).toEqual({ ...none, succeeded: sent.length });
  const results = await site.batches.results(id);
  const kept = wholeLines(stored);
  expect(wholeLines(results).slice(0, kept.length)).toEqual(kept);
  const answers = [...outcomesIn(results)].map(([custom_id, result]) => [
    custom_id,
    result.type === "succeeded" && result.message.content,
  ]);
  const expected = sent.map(({ custom_id }) => [custom_id, [{ type: "text", text: `You said: ${custom_id}` }]]);
  expect(new Map(answers as [])).toEqual(new Map(expected as []));
  const twice = site.calls.filter((custom_id, at, calls) => calls.indexOf(custom_id) !== at);
  expect(new Set(twice).size, "requests that were sent a third time").toBe(twice.length);
  expect([...underWay]).toEqual(expect.arrayContaining(twice));
  return results;
}

/** Ends the server at a random moment of a new batch. Returns what to expect of it. */
async function interrupt(site: Site, random: Random, sent: BatchItem[], signal: "SIGKILL" | "SIGTERM") {
  site.fakeApi.reset();
  let id = "";
  const moment = MOMENTS[random.below(MOMENTS.length)]!;
  const reached = site.reached(1 + random.below(sent.length), moment, () => id);
  id = (await site.batches.create(sent)).id;
  await reached;
  await turns(random.below(100));
  const code = await site.end(signal);
  const stored = site.stored(id);
  const done = outcomesIn(stored);
  const underWay = new Set(site.calls.filter((custom_id) => !done.has(custom_id)));
  expect(underWay.size).toBeLessThanOrEqual(CONCURRENCY);
  return { id, stored, underWay, code };
}

describe.skipIf(process.platform !== "linux")("a batch whose server", () => {
  it(`is killed ends complete, and pays twice only for running requests (${ROUNDS} times)`, {
    timeout: 120 * 60_000,
  }, async () => {
    const random = seeded();
    await using scratch = await scratchHome();
    await using site = new Site(scratch.home, await FakeApi.start());
    await site.start();
    let before: { id: string; results: string } | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const sent = items(REQUESTS, `round-${round}-`);
      const { id, stored, underWay } = await interrupt(site, random, sent, "SIGKILL");
      await site.start();
      const results = await expectWhole(site, id, sent, stored, underWay);
      if (before) expect(await site.batches.results(before.id)).toBe(before.results);
      before = { id, results };
    }
  });

  itThorough("is stopped goes on with the next one, and loses nothing", { timeout: 600_000 }, async () => {
    const random = seeded();
    await using scratch = await scratchHome();
    await using site = new Site(scratch.home, await FakeApi.start());
    await site.start();
    const sent = items(REQUESTS / 2);
    const { id, stored, underWay, code } = await interrupt(site, random, sent, "SIGTERM");
    expect(code).toBe(0);
    await site.start();
    await expectWhole(site, id, sent, stored, underWay);
  });
});

/** Sends a batch in parts. Resolves with its id, or undefined if the connection breaks. */
function upload(url: string, parts: string[], sent: (parts: number) => void): Promise<string | undefined> {
  const headers = { "x-api-key": "any-key", "content-type": "application/json" };
  return new Promise((resolve) => {
    const outgoing = request(`${url}/v1/messages/batches`, { method: "POST", headers, agent: false });
    outgoing.on("error", () => resolve(undefined));
    outgoing.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve(JSON.parse(Buffer.concat(chunks).toString()).id);
    });
    const send = (part: number) => {
      sent(part);
      if (part === parts.length) outgoing.end();
      else outgoing.write(parts[part]!, () => send(part + 1));
    };
    send(0);
  });
}

/** The stage of storing a batch at which it is interrupted. */
const STAGES = ["sent in part", "begun", "described", "in its place", "acknowledged"] as const;

/** Sends a batch and ends the server at this stage. Returns the id if the client got it. */
async function interruptUpload(site: Site, random: Random, stage: (typeof STAGES)[number]) {
  const inside = (name: string) => readdirSync(join(site.data, name));
  const batches = inside("batches").length;
  const parts = JSON.stringify({ requests: items(20) }).match(/.{1,200}/g)!;
  const enough = random.below(parts.length);
  let sent = 0;
  const acknowledged = upload(site.url, parts, (count) => {
    sent = count;
  });
  const placed = () => inside("batches").length > batches;
  const described = () => inside("drafts").some((draft) => inside(`drafts/${draft}`).includes("batch.json"));
  const reached: Record<typeof stage, () => unknown> = {
    "sent in part": () => sent >= enough,
    begun: () => inside("drafts").length > 0 || placed(),
    described: () => placed() || described(),
    "in its place": placed,
    acknowledged: () => true,
  };
  if (stage === "acknowledged") await acknowledged;
  // a draft may be renamed between two looks
  await until(() => {
    try {
      return Boolean(reached[stage]());
    } catch {
      return false;
    }
  });
  await site.end("SIGKILL");
  return acknowledged;
}

it.skipIf(process.platform !== "linux")(
  `a batch is there whole or not at all when the server is killed while it comes in (${UPLOADS} times)`,
  { timeout: 600_000 },
  async () => {
    const random = seeded();
    await using scratch = await scratchHome();
    await using site = new Site(scratch.home, await FakeApi.start());
    await site.start();
    const known = new Set<string>();
    for (let round = 0; round < UPLOADS; round++) {
      const stage = STAGES[round % STAGES.length]!;
      const id = await interruptUpload(site, random, stage);
      await site.start();
      const { data } = await site.batches.list("?limit=1000");
      const found = data.map((batch) => batch.id).filter((each) => !known.has(each));
      for (const each of found) known.add(each);
      if (stage === "sent in part") expect(found).toEqual([]);
      if (stage === "in its place") expect(found).toHaveLength(1);
      if (stage === "acknowledged") expect(found).toEqual([id]);
      expect(data).toHaveLength(known.size);
      expect(readdirSync(join(site.data, "drafts"))).toEqual([]);
      expect(readdirSync(join(site.data, "batches"))).toHaveLength(known.size);
    }
    for (const id of known) {
      await site.batches.ended(id);
      expect((await site.batches.outcomes(id)).size).toBe(20);
    }
  },
);
