import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { defaultOptions } from "../../src/options.ts";
import { type Stage, simple, stage } from "../support/harness.ts";
import { expectRefusal, type RawAnswer, rawRequest } from "../support/rawRequest.ts";

interface Model {
  id: string;
  display_name: string;
}
interface Page {
  data: Model[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

let on: Stage;
let all: Model[];
beforeAll(async () => {
  on = await stage({
    modelMap: { ...defaultOptions.modelMap, "vendor/my sonnet": "sonnet", "claude-gone-1": "no-such-model" },
  });
  all = (await page("")).data;
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
});
beforeEach(() => on.standIn.reset());

const get = (path: string): Promise<RawAnswer> => rawRequest(on.url, { path, headers: { "x-api-key": "any-key" } });

async function page(query: string): Promise<Page> {
  const answer = await get(`/v1/models${query}`);
  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toContain("application/json");
  expect(answer.headers["request-id"]).toMatch(/^req_\w{20,}$/);
  return JSON.parse(answer.text);
}

const info = (id: string, display_name: string) => ({
  type: "model",
  id,
  display_name,
  created_at: "1970-01-01T00:00:00Z",
  max_input_tokens: null,
  max_tokens: null,
  capabilities: null,
});

const ids = (models: Model[]) => models.map(({ id }) => id);

describe("GET /v1/models", () => {
  it("lists every model once in the API's own shape", async () => {
    const { data, ...rest } = await page("");
    expect(data).toEqual(data.map(({ id, display_name }) => info(id, display_name)));
    expect(new Set(ids(data)).size).toBe(data.length);
    expect(rest).toEqual({ has_more: false, first_id: data[0]?.id, last_id: data.at(-1)?.id });
  });

  it("lists the full ids first and then the aliases, and not the CLI's word for no choice", () => {
    const isFull = all.map(({ id }) => /^claude-/.test(id));
    expect(isFull).toEqual([...isFull].sort().reverse());
    expect(ids(all)).toEqual(expect.arrayContaining(["opus", "sonnet", "haiku"]));
    expect(isFull.filter(Boolean).length).toBeGreaterThanOrEqual(3);
    expect(ids(all)).not.toContain("default");
  });

  it("lists for each alias the id that it is upstream", async () => {
    const aliases = all.filter(({ id }) => !id.startsWith("claude-"));
    for (const alias of aliases) expect((await on.post(simple("Hi", { model: alias.id }))).status).toBe(200);
    const upstream = on.standIn.messages.map(({ body }) => body.model);
    const listed = aliases.map(
      ({ display_name }) =>
        all.find((model) => model.display_name === display_name && model.id.startsWith("claude-"))?.id,
    );
    expect(upstream).toEqual(listed);
  });

  it("serves a full id of the list under that very id", async () => {
    const id = all[0]?.id;
    expect((await on.post(simple("Hi", { model: id }))).status).toBe(200);
    expect(on.standIn.messages.map(({ body }) => body.model)).toEqual([id]);
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

  it("pages backwards with before_id, each page lying directly before the cursor", async () => {
    const last = all.at(-1)?.id as string;
    const near = await page(`?limit=2&before_id=${last}`);
    expect(near.data).toEqual(all.slice(-3, -1));
    expect(near.has_more).toBe(true);
    const far = await page(`?limit=1000&before_id=${near.first_id}`);
    expect(far.data).toEqual(all.slice(0, -3));
    expect(far.has_more).toBe(false);
  });

  it("answers with an empty page after the last model", async () => {
    const nothing = { data: [], has_more: false, first_id: null, last_id: null };
    expect(await page(`?after_id=${all.at(-1)?.id}`)).toEqual(nothing);
    expect(await page(`?before_id=${all[0]?.id}`)).toEqual(nothing);
  });

  it("takes the smallest and the greatest limit", async () => {
    expect((await page("?limit=1")).data).toEqual(all.slice(0, 1));
    expect((await page("?limit=1000")).data).toEqual(all);
  });

  it("has no more when a page ends just where the list does", async () => {
    const { length } = all;
    const last = all.at(-1)?.id;
    expect((await page(`?limit=${length}`)).has_more).toBe(false);
    expect((await page(`?limit=${length - 1}`)).has_more).toBe(true);
    expect((await page(`?limit=${length - 1}&before_id=${last}`)).has_more).toBe(false);
    expect((await page(`?limit=${length - 2}&before_id=${last}`)).has_more).toBe(true);
  });

  it("answers the same with ?beta=true", async () => {
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

  it.each(["after_id", "before_id"])("refuses an %s that names no model", async (name) => {
    const answer = await get(`/v1/models?${name}=claude-nobody`);
    expectRefusal(answer, 400, "invalid_request_error", new RegExp(`^${name}: .*'claude-nobody'`));
  });
});

describe("GET /v1/models/{id}", () => {
  it("answers for every id of the list with the list's own entry", async () => {
    for (const model of all) expect(JSON.parse((await get(`/v1/models/${model.id}`)).text)).toEqual(model);
  });

  it.each([
    ["claude-opus-4-5-20251101", "Opus"],
    ["claude-sonnet-4-5-20251101", "Sonnet"],
    ["claude-3-5-haiku-20241022", "Haiku"],
  ])("answers for the mapped old id %s under that id", async (id, displayName) => {
    const answer = await get(`/v1/models/${id}`);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, info(id, displayName)]);
  });

  it("serves a mapped old id as what it is mapped to", async () => {
    expect((await on.post(simple("Hi", { model: "claude-3-5-haiku-20241022" }))).status).toBe(200);
    expect((await on.post(simple("Hi", { model: "haiku" }))).status).toBe(200);
    const [mapped, alias] = on.standIn.messages.map(({ body }) => body.model);
    expect(mapped).toBe(alias);
  });

  it.each(["/v1/models/vendor%2Fmy%20sonnet", "/v1/models/vendor%2fmy%20%73onnet?beta=true"])(
    "decodes the id in %s",
    async (path) => {
      const answer = await get(path);
      expect([answer.status, JSON.parse(answer.text)]).toEqual([200, info("vendor/my sonnet", "Sonnet")]);
    },
  );

  it.each([
    ["claude-nobody", "claude-nobody"],
    ["default", "default"],
    ["claude-gone-1", "claude-gone-1"],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["m%C3%B6del%20x", "mödel x"],
    ["%E0%A4%A", "%E0%A4%A"],
  ])("answers 404 for %s, which is no model", async (path, name) => {
    expectRefusal(await get(`/v1/models/${path}`), 404, "not_found_error", `model: ${name}`);
  });
});
