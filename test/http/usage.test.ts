import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchHome, simple, startApp, until } from "../support/harness.ts";
import { deferred, failure, heldReply, reply, text } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

const app = sharedApp();

type Counted = {
  model: string;
  requests: number;
  errors: number;
  uncached_input_tokens: number;
  output_tokens: number;
};

/** Today's usage, by model. */
async function usage(): Promise<Record<string, Counted>> {
  const path = "/v1/organizations/usage_report/messages?group_by[]=model&limit=1";
  const report = (await (await app.call(path)).json()) as { data: { results: Counted[] }[] };
  return Object.fromEntries((report.data[0]?.results ?? []).map((result) => [result.model, result]));
}

describe("usage", () => {
  it("counts responses, by the model that sent them", async () => {
    const tokens = { input_tokens: 5, cache_read_input_tokens: 7, cache_creation_input_tokens: 11, output_tokens: 9 };
    app.fakeApi.respond = () => reply([text("An answer")], { model: "claude-a-1", usage: tokens });
    await app.post(simple());
    await (await app.post(simple("x", { stream: true }))).text();
    expect((await usage())["claude-a-1"]).toMatchObject({
      requests: 2,
      errors: 0,
      uncached_input_tokens: 10,
      cache_read_input_tokens: 14,
      cache_creation: { ephemeral_5m_input_tokens: 22 },
      output_tokens: 18,
    });
  });

  it("counts failures under the requested model", async () => {
    app.fakeApi.respond = () => failure(429, "rate_limit_error", "Slow down");
    await app.post(simple("x", { model: "claude-b-1" }));
    expect((await usage())["claude-b-1"]).toMatchObject({ requests: 1, errors: 1, output_tokens: 0 });
  });

  it("counts the usage of a canceled response so far", async () => {
    app.fakeApi.respond = () => heldReply([text("one two three")], () => {}, deferred().promise);
    const gone = new AbortController();
    const response = await app.post(simple("x", { model: "claude-c-1", stream: true }), {}, gone.signal);
    gone.abort();
    await response.text().catch(() => {});
    await until(async () => (await usage())["claude-sonnet-5"] !== undefined);
    expect((await usage())["claude-sonnet-5"]).toMatchObject({ requests: 1, errors: 0, uncached_input_tokens: 12 });
  });

  it("does not count invalid requests", async () => {
    const before = await usage();
    await app.post({ model: "claude-d-1" });
    await app.call("/v1/models");
    expect(await usage()).toEqual(before);
  });

  it("is stored readably", async () => {
    // written a moment after the answer; a write in progress has a draft beside the file
    const stored = async () => {
      const name = (await readdir(join(app.dataDir, "usage"))).find((each) => /^\d/.test(each));
      return name === undefined ? {} : JSON.parse(await readFile(join(app.dataDir, "usage", name), "utf8"));
    };
    await until(async () => (await stored())["claude-sonnet-5"]?.requests === 1);
    expect((await stored())["claude-a-1"]).toMatchObject({ requests: 2, output_tokens: 18 });
  });
});

describe("a damaged day's file", () => {
  it("fails neither a request nor the report", async () => {
    await using scratch = await scratchHome();
    const today = new Date().toISOString().slice(0, 10);
    await mkdir(join(scratch.home, "usage"));
    await writeFile(join(scratch.home, "usage", `${today}.json`), '{"claude-sonnet-5":null}');
    await using damaged = await startApp({ dataDir: scratch.home });
    damaged.fakeApi.respond = () => reply([text("An answer")], { model: "claude-sonnet-5" });
    const report = () => damaged.call("/v1/organizations/usage_report/messages?limit=1");
    expect((await report()).status).toBe(200);
    expect((await damaged.post(simple())).status).toBe(200);
    expect(await (await report()).json()).toMatchObject({ data: [{ results: [{ requests: 1 }] }] });
  });
});

describe("the organization", () => {
  it("has the id of the data directory", async () => {
    const { id } = JSON.parse(await readFile(join(app.dataDir, "version.json"), "utf8"));
    expect(await (await app.call("/v1/organizations/me")).json()).toEqual({
      id,
      type: "organization",
      name: "Claude Virtual API",
    });
  });

  it("requires a key", async () => {
    const paths = ["/v1/organizations/me", "/v1/organizations/usage_report/messages"];
    for (const path of paths) expect((await fetch(app.url + path)).status).toBe(401);
  });

  it("rejects an invalid report query", async () => {
    const response = await app.call("/v1/organizations/usage_report/messages?bucket_width=1m");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
  });
});
