import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { defaultOptions } from "../../src/options.ts";
import { type App, simple, startApp, until } from "../support/harness.ts";
import { expectRefusal, type RawAnswer, rawRequest } from "../support/rawRequest.ts";

interface Model {
  id: string;
  display_name: string;
  created_at: string;
}
interface Page {
  data: Model[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

let app: App;
let all: Model[];
beforeAll(async () => {
  app = await startApp({
    modelMap: { ...defaultOptions.modelMap, "vendor/my sonnet": "sonnet", "claude-gone-1": "no-such-model" },
  });
  // afterwards the list is the CLI's
  await app.server.checkCli();
  all = (await page("")).data;
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
});
beforeEach(() => app.fakeApi.reset());

const get = (path: string): Promise<RawAnswer> => rawRequest(app.url, { path, headers: { "x-api-key": "any-key" } });

async function page(query: string): Promise<Page> {
  const answer = await get(`/v1/models${query}`);
  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toContain("application/json");
  expect(answer.headers["request-id"]).toMatch(/^req_\w{20,}$/);
  return JSON.parse(answer.text);
}

/** Every field of the SDK's `ModelInfo`; for a current model only the dates of its end are null. */
const SHAPE = {
  type: "model",
  id: expect.stringMatching(/./),
  display_name: expect.stringMatching(/^Claude /),
  created_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT00:00:00Z$/),
  lifecycle: "active",
  deprecated_at: null,
  retires_at: null,
  line: expect.stringMatching(/^(haiku|sonnet|opus|fable|mythos)$/),
  max_input_tokens: expect.any(Number),
  max_tokens: expect.any(Number),
  capabilities: expect.objectContaining({ effort: expect.anything(), thinking: expect.anything() }),
} satisfies Record<keyof Anthropic.ModelInfo, unknown>;

const ids = (models: Model[]) => models.map(({ id }) => id);

describe("GET /v1/models", () => {
  it("lists every model once in the API's form", async () => {
    const { data, ...rest } = await page("");
    expect(data).toEqual(data.map(() => SHAPE));
    expect(new Set(ids(data)).size).toBe(data.length);
    expect(rest).toEqual({ has_more: false, first_id: data[0]?.id, last_id: data.at(-1)?.id });
  });

  it("lists newest first, each id before its aliases, without the CLI's default", () => {
    const times = all.map(({ created_at }) => created_at);
    expect(times).toEqual(times.toSorted().reverse());
    for (const [at, { id }] of all.entries())
      if (!id.startsWith("claude-")) expect(all[at - 1]?.created_at).toBe(times[at]);
    expect(ids(all)).toEqual(expect.arrayContaining(["opus", "sonnet", "haiku"]));
    expect(ids(all).filter((id) => id.startsWith("claude-")).length).toBeGreaterThanOrEqual(3);
    expect(ids(all)).not.toContain("default");
  });

  it("lists retired models only on request, and rejects unknown stages", async () => {
    const stages = async (query: string) => [
      ...new Set((await page(query)).data.map((model) => (model as unknown as Anthropic.ModelInfo).lifecycle)),
    ];
    expect(await stages("")).toEqual(["active"]);
    expect(await stages("?lifecycle[]=retired&limit=1000")).toEqual(["retired"]);
    expect((await stages("?lifecycle[]=active&lifecycle[]=retired&limit=1000")).toSorted()).toEqual([
      "active",
      "retired",
    ]);
    expect((await page("?lifecycle=deprecated")).data).toEqual([]);
    const message = "lifecycle.0: Input should be 'active', 'deprecated' or 'retired'";
    expectRefusal(await get("/v1/models?lifecycle[]=dead"), 400, "invalid_request_error", message);
  });

  it("lists the upstream id of each alias", async () => {
    const aliases = all.filter(({ id }) => !id.startsWith("claude-"));
    for (const alias of aliases) expect((await app.post(simple("Hi", { model: alias.id }))).status).toBe(200);
    const upstream = app.fakeApi.messages.map(({ body }) => body.model);
    const listed = aliases.map(
      ({ display_name }) =>
        all.find((model) => model.display_name === display_name && model.id.startsWith("claude-"))?.id,
    );
    expect(upstream).toEqual(listed);
  });

  it("serves a full id of the list under that id", async () => {
    const id = all[0]?.id;
    expect((await app.post(simple("Hi", { model: id }))).status).toBe(200);
    expect(app.fakeApi.messages.map(({ body }) => body.model)).toEqual([id]);
  });

  it("pages forwards with after_id until nothing is left", async () => {
    const seen: string[] = [];
    let query = "?limit=3";
    for (;;) {
      const { data, has_more, first_id, last_id } = await page(query);
      expect(data.length).toBeLessThanOrEqual(3);
      expect([first_id, last_id]).toEqual([data[0]?.id, data.at(-1)?.id]);
      seen.push(...ids(data));
      expect(has_more).toBe(seen.length < all.length);
      if (!has_more) break;
      query = `?limit=3&after_id=${last_id}`;
    }
    expect(seen).toEqual(ids(all));
  });

  it("pages backwards with before_id, each page directly before the cursor", async () => {
    const last = all.at(-1)?.id as string;
    const near = await page(`?limit=2&before_id=${last}`);
    expect(near.data).toEqual(all.slice(-3, -1));
    expect(near.has_more).toBe(true);
    const far = await page(`?limit=1000&before_id=${near.first_id}`);
    expect(far.data).toEqual(all.slice(0, -3));
    expect(far.has_more).toBe(false);
  });

  it("returns an empty page after the last model", async () => {
    const nothing = { data: [], has_more: false, first_id: null, last_id: null };
    expect(await page(`?after_id=${all.at(-1)?.id}`)).toEqual(nothing);
    expect(await page(`?before_id=${all[0]?.id}`)).toEqual(nothing);
  });

  it("accepts the smallest and the largest limit", async () => {
    expect((await page("?limit=1")).data).toEqual(all.slice(0, 1));
    expect((await page("?limit=1000")).data).toEqual(all);
  });

  it("has no more if a page ends with the list", async () => {
    const { length } = all;
    const last = all.at(-1)?.id;
    expect((await page(`?limit=${length}`)).has_more).toBe(false);
    expect((await page(`?limit=${length - 1}`)).has_more).toBe(true);
    expect((await page(`?limit=${length - 1}&before_id=${last}`)).has_more).toBe(false);
    expect((await page(`?limit=${length - 2}&before_id=${last}`)).has_more).toBe(true);
  });

  it("ignores ?beta=true", async () => {
    expect((await page("?beta=true")).data).toEqual(all);
  });

  it.each([
    ["0", "limit: Input should be greater than or equal to 1"],
    ["-1", "limit: Input should be greater than or equal to 1"],
    ["1001", "limit: Input should be less than or equal to 1000"],
    ["ten", "limit: Input should be a valid integer"],
    ["1.5", "limit: Input should be a valid integer"],
    ["", "limit: Input should be a valid integer"],
  ])("refuses the limit '%s'", async (limit, message) => {
    expectRefusal(await get(`/v1/models?limit=${limit}`), 400, "invalid_request_error", message);
  });

  it.each(["after_id", "before_id"])("rejects an unknown %s", async (name) => {
    const answer = await get(`/v1/models?${name}=claude-nobody`);
    expectRefusal(answer, 400, "invalid_request_error", new RegExp(`^${name}: .*'claude-nobody'`));
  });
});

describe("GET /v1/models/{id}", () => {
  it("returns the list's entry for every id of the list", async () => {
    for (const model of all) expect(JSON.parse((await get(`/v1/models/${model.id}`)).text)).toEqual(model);
  });

  it.each([
    ["claude-sonnet-4-5-20251101", "sonnet"],
    ["claude-3-5-haiku-20241022", "haiku"],
  ])("answers for the mapped old id %s under that id", async (id, alias) => {
    const answer = await get(`/v1/models/${id}`);
    const target = all.find((model) => model.id === alias);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { ...target, id }]);
  });

  it("finds every id whose messages are answered, and sends a live one unchanged", async () => {
    const sent: unknown[] = [];
    for (const model of [
      "claude-opus-4-5-20251101",
      "claude-opus-4-5",
      "claude-haiku-4-5",
      "claude-sonnet-4-6",
      "claude-mythos-5",
      "sonnet[1m]",
      "Opus",
      "best",
      "default",
      "opusplan",
      "claude-unheard-of-9",
      "vendor/my sonnet",
    ]) {
      app.fakeApi.reset();
      expect((await app.post(simple("Hi", { model }))).status, model).toBe(200);
      sent.push(app.fakeApi.messages[0]?.body.model);
      const answer = await get(`/v1/models/${encodeURIComponent(model)}`);
      expect([model, answer.status, JSON.parse(answer.text).id]).toEqual([model, 200, model]);
    }
    expect(sent.slice(0, 5)).toEqual([
      "claude-opus-4-5-20251101",
      "claude-opus-4-5",
      "claude-haiku-4-5",
      "claude-sonnet-4-6",
      "claude-mythos-5",
    ]);
  });

  it("serves a mapped old id as its target", async () => {
    expect((await app.post(simple("Hi", { model: "claude-3-5-haiku-20241022" }))).status).toBe(200);
    expect((await app.post(simple("Hi", { model: "haiku" }))).status).toBe(200);
    const [mapped, alias] = app.fakeApi.messages.map(({ body }) => body.model);
    expect(mapped).toBe(alias);
  });

  it.each(["/v1/models/vendor%2Fmy%20sonnet", "/v1/models/vendor%2fmy%20%73onnet?beta=true"])(
    "decodes the id in %s",
    async (path) => {
      const answer = await get(path);
      const target = all.find(({ id }) => id === "sonnet");
      expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { ...target, id: "vendor/my sonnet" }]);
    },
  );

  it.each([
    ["claude-nobody", "claude-nobody"],
    ["claude-gone-1", "claude-gone-1"],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["m%C3%B6del%20x", "mödel x"],
    ["%E0%A4%A", "%E0%A4%A"],
  ])("answers 404 for %s, which is no model", async (path, name) => {
    expectRefusal(await get(`/v1/models/${path}`), 404, "not_found_error", `model: ${name}`);
  });
});

describe("while the CLI starts", () => {
  it("returns the list of the last run, then the CLI's", async () => {
    const home = await mkdtemp(join(tmpdir(), "claude-virtual-api-test-"));
    try {
      await writeFile(
        join(home, "models.json"),
        JSON.stringify({ models: [{ value: "haiku", resolvedModel: "claude-haiku-9" }] }),
      );
      await using early = await startApp({ dataDir: home, warm: 0 });
      const ask = async () => ids(((await (await early.call("/v1/models")).json()) as Page).data);
      expect(await ask()).toEqual(["claude-haiku-9", "haiku"]);
      expect((await early.call("/v1/models/claude-haiku-9")).status).toBe(200);
      await until(async () => (await ask()).includes("opus"));
      expect(await ask()).not.toContain("claude-haiku-9");
      await until(async () => (await readFile(join(home, "models.json"), "utf8")).includes("opus"));
    } finally {
      await rm(home, { recursive: true, maxRetries: 10 });
    }
  });

  it("returns the dated table without a stored list", async () => {
    await using early = await startApp({ warm: 0 });
    const answer = (await (await early.call("/v1/models?limit=2")).json()) as Page;
    expect(ids(answer.data)).toEqual(["claude-fable-5-2", "fable"]);
  });
});
