import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { expectUpstream, MODEL } from "../clients/sdks.ts";
import { BatchCalls, items, outcomesIn, patiently } from "../support/batchCalls.ts";
import type { Recorded } from "../support/fakeApi.ts";
import { itThorough, sampled } from "../support/full.ts";
import { health, simple } from "../support/harness.ts";
import { deferred, echo, failure, heldReply, reply, text, toolUse } from "../support/replies.ts";
import { sharedApp } from "../support/sharedApp.ts";

vi.setConfig({ testTimeout: 300_000 });

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/;
const NONE = { processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0 };

/** A PNG of one pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const idOf = (recorded: Recorded): string => recorded.body.messages.at(-1).content;

describe("a batch", () => {
  // three concurrent requests of a batch: half of the server's concurrency
  const app = sharedApp({ maxConcurrent: 6 });
  const batches = new BatchCalls(app);
  const one = async (params: object, headers = {}) => {
    const { id } = await batches.create([{ custom_id: "only", params }], headers);
    await batches.ended(id);
    return (await batches.outcomes(id)).get("only");
  };

  it("goes from in_progress to ended, and has a result for each request", async () => {
    const go = deferred();
    app.fakeApi.respond = async (recorded) => {
      await go.promise;
      return idOf(recorded) === "r1" ? failure(400, "invalid_request_error", "foo: no") : echo(recorded.body);
    };
    const created = await batches.create(items(3));
    expect(created).toEqual({
      id: expect.stringMatching(/^msgbatch_01[1-9A-HJ-NP-Za-km-z]{22}$/),
      type: "message_batch",
      processing_status: "in_progress",
      request_counts: { ...NONE, processing: 3 },
      created_at: expect.stringMatching(RFC_3339),
      expires_at: new Date(Date.parse(created.created_at) + 24 * 3600_000).toISOString(),
      ended_at: null,
      cancel_initiated_at: null,
      archived_at: null,
      results_url: null,
    });
    const { id } = created;
    await patiently(() => app.fakeApi.messages.length === 3);
    expect(await batches.get(id)).toEqual(created);
    go.resolve();
    expect(await batches.ended(id)).toEqual({
      ...created,
      processing_status: "ended",
      request_counts: { ...NONE, succeeded: 2, errored: 1 },
      ended_at: expect.stringMatching(RFC_3339),
      results_url: `${app.url}/v1/messages/batches/${id}/results`,
    });
    const said = (words: string) => ({
      type: "succeeded",
      message: {
        ...{ type: "message", role: "assistant", id: expect.stringMatching(/^msg_/) },
        content: [{ type: "text", text: `You said: ${words}` }],
        ...{ stop_reason: "end_turn", usage: { output_tokens: 7, service_tier: "batch" } },
      },
    });
    const error = { type: "error", error: { type: "invalid_request_error", message: "foo: no" } };
    const refused = { type: "errored", error: { ...error, request_id: expect.stringMatching(/^req_/) } };
    const outcomes = Object.fromEntries(await batches.outcomes(id));
    expect(outcomes).toMatchObject({ r0: said("r0"), r1: refused, r2: said("r2") });
    expect(outcomes.r1).toEqual(refused);
    // the CLI itself repeats some calls that were rejected with 400
    expect(
      app.fakeApi.messages
        .map(idOf)
        .filter((each) => each !== "r1")
        .sort(),
    ).toEqual(["r0", "r2"]);
  });

  it("has its results as JSONL, at a URL with the client's own base URL", async () => {
    const { id } = await batches.create(items(2));
    const { results_url } = await batches.ended(id);
    const response = await fetch(results_url!, { headers: { authorization: "Bearer any-key" } });
    expect(response.headers.get("content-type")).toMatch(/^application\/x-jsonl/);
    expect(response.headers.get("request-id")).toMatch(/^req_/);
    const results = await response.text();
    expect(results.split("\n")).toEqual([expect.stringMatching(/^\{/), expect.stringMatching(/^\{/), ""]);
    expect([...outcomesIn(results).keys()].sort()).toEqual(["r0", "r1"]);
    const byName = app.url.replace("127.0.0.1", "localhost");
    expect((await new BatchCalls({ url: byName }).get(id)).results_url).toBe(
      `${byName}/v1/messages/batches/${id}/results`,
    );
  });

  it("has no results and cannot be deleted before its end", async () => {
    const go = deferred();
    app.fakeApi.respond = (recorded) => go.promise.then(() => echo(recorded.body));
    const { id } = await batches.create(items(1));
    for (const response of [await batches.call(`/${id}/results`), await batches.call(`/${id}`, { method: "DELETE" })]) {
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    }
    go.resolve();
    await batches.ended(id);
    expect((await batches.outcomes(id)).get("r0")).toMatchObject({ type: "succeeded" });
  });

  it("is not found after it is deleted", async () => {
    const { id } = await batches.create(items(1));
    await batches.ended(id);
    const answer = await batches.call(`/${id}`, { method: "DELETE" });
    expect(await answer.json()).toEqual({ id, type: "message_batch_deleted" });
    for (const path of [`/${id}`, `/${id}/results`]) expect((await batches.call(path)).status).toBe(404);
    expect((await batches.call(`/${id}`, { method: "DELETE" })).status).toBe(404);
    expect((await batches.list()).data.map((batch) => batch.id)).not.toContain(id);
  });

  it("finishes requests in flight when it is canceled, and sends no others", async () => {
    const go = deferred();
    app.fakeApi.respond = (recorded) => go.promise.then(() => echo(recorded.body));
    const { id } = await batches.create(items(6));
    await patiently(() => app.fakeApi.messages.length === 3);
    const canceling = await batches.cancel(id);
    expect(canceling).toMatchObject({
      ...{ id, processing_status: "canceling", ended_at: null, results_url: null },
      cancel_initiated_at: expect.stringMatching(RFC_3339),
      request_counts: { ...NONE, processing: 6 },
    });
    expect(await batches.cancel(id)).toEqual(canceling);
    expect(await batches.get(id)).toEqual(canceling);
    go.resolve();
    const ended = await batches.ended(id);
    expect(ended.request_counts).toEqual({ ...NONE, succeeded: 3, canceled: 3 });
    expect(ended.cancel_initiated_at).toBe(canceling.cancel_initiated_at);
    const sent = app.fakeApi.messages.map(idOf);
    expect(sent).toHaveLength(3);
    for (const [custom_id, result] of await batches.outcomes(id)) {
      if (sent.includes(custom_id)) expect(result.type).toBe("succeeded");
      else expect(result).toEqual({ type: "canceled" });
    }
    expect(await batches.cancel(id)).toEqual(ended);
  });

  it("is listed, newest first, with pagination in both directions", async () => {
    const created: string[] = [];
    for (let n = 0; n < 5; n++) created.unshift((await batches.create(items(1))).id);
    const [a, b, c, d, e] = created as [string, string, string, string, string];
    const page = async (query: string) => {
      const { data, ...rest } = await batches.list(query);
      return { ids: data.map(({ id }) => id), ...rest };
    };
    expect(await page("?limit=2")).toEqual({ ids: [a, b], has_more: true, first_id: a, last_id: b });
    expect(await page(`?limit=2&after_id=${b}`)).toMatchObject({ ids: [c, d], has_more: true });
    expect(await page(`?limit=2&before_id=${e}`)).toMatchObject({ ids: [c, d], has_more: true });
    expect(await page(`?limit=2&before_id=${c}`)).toEqual({ ids: [a, b], has_more: false, first_id: a, last_id: b });
    expect(await page(`?before_id=${a}`)).toEqual({ ids: [], has_more: false, first_id: null, last_id: null });
    const { data } = await batches.list(`?after_id=${d}`);
    expect(data[0]).toEqual(await batches.get(e));
    for (const id of created) await batches.ended(id);
    // a deleted one remains valid as a cursor
    await batches.call(`/${b}`, { method: "DELETE" });
    expect(await page(`?limit=2&after_id=${b}`)).toMatchObject({ ids: [c, d], has_more: true });
    expect(await page(`?limit=2&before_id=${b}`)).toMatchObject({ ids: [a], has_more: false });
  });

  itThorough("sends its requests upstream unchanged", async () => {
    const request = {
      model: MODEL,
      max_tokens: 4000,
      system: "Be brief.",
      messages: [
        {
          role: "user",
          content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } }],
        },
        {
          role: "assistant",
          content: [{ type: "tool_use", id: "toolu_1", name: "look", input: { z: 1, a: "\u2028" } }],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: 'Köln "😀"\\' }] },
      ],
      tools: [{ name: "look", input_schema: { type: "object", properties: { requests: {}, b: {}, a: {} } } }],
      tool_choice: { type: "any" },
      thinking: { type: "disabled" },
      metadata: { user_id: "somebody" },
    };
    app.fakeApi.respond = () => reply([toolUse("look", { at: ["a b", { c: 1 }] }, "toolu_2")]);
    const result = await one(request, { "anthropic-beta": "context-1m-2025-08-07" });
    expectUpstream(app, request);
    expect(app.fakeApi.messages[0]?.headers["anthropic-beta"]).toContain("context-1m-2025-08-07");
    expect(app.fakeApi.messages[0]?.raw).toContain(JSON.stringify(request.tools));
    const call = { type: "tool_use", id: "toolu_2", name: "look", input: { at: ["a b", { c: 1 }] } };
    expect(result).toMatchObject({ type: "succeeded", message: { content: [call], stop_reason: "tool_use" } });
  });

  it("may refer to files by id", async () => {
    const form = new FormData();
    form.set("file", new Blob(["Grüße"], { type: "text/plain" }), "a.txt");
    const uploaded = await fetch(`${app.url}/v1/files`, { method: "POST", headers: { "x-api-key": "k" }, body: form });
    const { id } = (await uploaded.json()) as { id: string };
    const asking = (file_id: string) => simple([{ type: "document", source: { type: "file", file_id } }]);
    expect(await one(asking(id))).toMatchObject({ type: "succeeded" });
    const [block] = app.fakeApi.messages[0]!.body.messages[0].content;
    expect(block).toMatchObject({ type: "document", source: { type: "text", data: "Grüße" } });
    const error = { type: "not_found_error", message: "File `file_none` not found." };
    expect(await one(asking("file_none"))).toMatchObject({ type: "errored", error: { type: "error", error } });
  });

  const REFUSED: [object, string, string | RegExp][] = [
    [{}, "invalid_request_error", "model: Field required"],
    [simple("x", { stream: true }), "invalid_request_error", /^stream: /],
    [simple("x", { max_tokens: 0 }), "invalid_request_error", /^max_tokens: .*greater than or equal to 1/],
    [simple("x", { speed: "fast" }), "invalid_request_error", /^speed: /],
    [simple("x", { messages: [] }), "invalid_request_error", "messages: at least one message is required"],
    [simple("x", { model: "gpt-4" }), "not_found_error", "model: gpt-4"],
  ];
  it.each(sampled(REFUSED, REFUSED.length, 3))(
    "is accepted with the params %j, which only its result rejects",
    async (params, type, words) => {
      const message = typeof words === "string" ? words : expect.stringMatching(words);
      const request_id = expect.stringMatching(/^req_/);
      expect(await one(params)).toEqual({
        type: "errored",
        error: { type: "error", error: { type, message }, request_id },
      });
    },
  );

  it("is validated by the version under which it was created", async () => {
    const warm = simple("x", { temperature: 0.5 });
    expect(await one(warm, { "anthropic-version": "2023-06-01" })).toMatchObject({ type: "succeeded" });
    const message = "temperature: Extra inputs are not permitted";
    const refused = { type: "errored", error: { error: { type: "invalid_request_error", message } } };
    expect(await one(warm, { "anthropic-version": "2026-10-21" })).toMatchObject(refused);
    expect(app.fakeApi.messages).toHaveLength(1);
  });

  it("may be sent as gzip", async () => {
    const body = gzipSync(JSON.stringify({ requests: items(2) }));
    const response = await batches.call("", { method: "POST", headers: { "content-encoding": "gzip" }, body });
    const { id } = (await response.json()) as { id: string };
    expect((await batches.ended(id)).request_counts).toEqual({ ...NONE, succeeded: 2 });
  });
});

describe("a queued request of a batch", () => {
  const app = sharedApp({ maxConcurrent: 2 });
  const batches = new BatchCalls(app);

  it("is never sent when the batch is canceled, which ends at once", async () => {
    const go = deferred();
    app.fakeApi.respond = (recorded) => go.promise.then(() => echo(recorded.body));
    const heldReply = [app.post(simple("one")), app.post(simple("two"))];
    await patiently(() => app.fakeApi.messages.length === 2);
    // once the invalid one has its result, the next one is queued
    const { id } = await batches.create([{ custom_id: "wrong", params: {} }, ...items(5)]);
    await patiently(async () => (await health(app)).batches[0]?.done === 1);
    await batches.cancel(id);
    expect((await batches.ended(id)).request_counts).toEqual({ ...NONE, errored: 1, canceled: 5 });
    go.resolve();
    for (const response of await Promise.all(heldReply)) expect(response.status).toBe(200);
    expect((await app.post(simple("three"))).status).toBe(200);
    expect(app.fakeApi.messages.map(idOf).sort()).toEqual(["one", "three", "two"]);
  });
});

describe("an interactive request", () => {
  const app = sharedApp({ maxConcurrent: 1 });
  const batches = new BatchCalls(app);

  it("precedes those of a batch, and does not wait for one in flight", async () => {
    const [first, mine] = [deferred(), deferred()];
    app.fakeApi.respond = (recorded) => {
      const promise = { r0: first.promise, mine: mine.promise }[idOf(recorded)];
      return promise ? heldReply([text("one two three")], () => {}, promise) : echo(recorded.body);
    };
    const { id } = await batches.create(items(2));
    await patiently(() => app.fakeApi.messages.length === 1);
    const answer = app.post(simple("mine"));
    await patiently(() => app.fakeApi.messages.length === 2);
    const next = app.post(simple("next"));
    await patiently(async () => (await health(app)).requests.waiting === 1);
    first.resolve();
    await patiently(async () => (await health(app)).batches[0]?.done === 1);
    mine.resolve();
    expect((await answer).status).toBe(200);
    expect((await next).status).toBe(200);
    await batches.ended(id);
    expect(app.fakeApi.messages.map(idOf)).toEqual(["r0", "mine", "next", "r1"]);
  });
});
