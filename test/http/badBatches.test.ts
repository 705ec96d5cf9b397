import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createGzip, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BatchCalls, items } from "../support/batchCalls.ts";
import { itThorough } from "../support/full.ts";
import { simple } from "../support/harness.ts";
import { expectRefusal, type RawAnswer, rawRequest } from "../support/rawRequest.ts";
import { faultlessApp } from "../support/sharedApp.ts";

vi.setConfig({ testTimeout: 300_000 });

const app = faultlessApp();
const batches = new BatchCalls(app);

const PATH = "/v1/messages/batches";
const HEADERS = { "x-api-key": "any-key", "content-type": "application/json" };
const NO_OBJECT = "Input should be a valid dictionary or object to extract fields from";
const NO_JSON = /JSON/;
const MEGABYTE = 1024 * 1024;

const send = (body: string | Buffer | Buffer[], headers: Record<string, string> = {}): Promise<RawAnswer> =>
  rawRequest(app.url, { method: "POST", path: PATH, headers: { ...HEADERS, ...headers }, body });

/** Expects a refusal. Sends a value as JSON. */
async function expectBad(body: unknown, message: string | RegExp) {
  const bytes = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const answer = await send(bytes);
  expectRefusal(answer, 400, "invalid_request_error", message);
  expect(answer.headers["x-should-retry"]).toBe("false");
}

afterEach(async () => {
  expect(await batches.list()).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
  for (const name of ["batches", "drafts"]) expect(await readdir(join(app.dataDir, name))).toEqual([]);
  expect(app.fakeApi.messages).toEqual([]);
});

const good = { custom_id: "good", params: simple() };
const GOOD = JSON.stringify(good);

describe("a body that is not a batch", () => {
  it.each([
    ["is not JSON", "hello", NO_JSON],
    ["is empty", "", NO_JSON],
    ["is only whitespace", "  \n", NO_JSON],
    ["is cut off in the list", `{"requests":[${GOOD}`, NO_JSON],
    ["is cut off in a request", `{"requests":[${GOOD},{"custom_id":"b"`, NO_JSON],
    ["is cut off before its last bracket", `{"requests":[${GOOD}]`, NO_JSON],
    ["is UTF-16", Buffer.from(JSON.stringify({ requests: [good] }), "utf16le"), NO_JSON],
    ["has a broken character", Buffer.from(`{"requests":[{"custom_id":"\xff"}]}`, "latin1"), NO_JSON],
    ["has text after its end", `{"requests":[${GOOD}]} and so on`, NO_JSON],
    ["is two bodies", `{"requests":[${GOOD}]}{"requests":[]}`, NO_JSON],
    ["has a comma too many", `{"requests":[${GOOD},]}`, /JSON|requests\.1/],
    ["has two commas", `{"requests":[${GOOD},,${GOOD}]}`, /JSON|requests\.1/],
    ["has a comma too few", `{"requests":[${GOOD} ${GOOD}]}`, NO_JSON],
    ["has no colon", `{"requests" [${GOOD}]}`, NO_JSON],
    ["has single quotes", "{'requests':[]}", NO_JSON],
    ["is a list", "[]", NO_OBJECT],
    ["is a list of requests", [good], NO_OBJECT],
    ["is a string", '"hello"', NO_OBJECT],
    ["is a number", "5", NO_OBJECT],
    ["is null", "null", NO_OBJECT],
    ["is a list of a million levels", "[".repeat(1e6) + "]".repeat(1e6), NO_OBJECT],
    ["is an empty object", {}, "requests: Field required"],
    ["has another field", { model: "sonnet", requests: [good] }, "model: Extra inputs are not permitted"],
    ["has one more field", { requests: [good], model: "sonnet" }, "model: Extra inputs are not permitted"],
    ["is a request for a message", simple(), "model: Extra inputs are not permitted"],
    ["has no request", { requests: [] }, "requests: List should have at least 1 item after validation, not 0"],
    ["has null instead of a list", { requests: null }, "requests: Input should be a valid list"],
    ["has an object instead of a list", { requests: { 0: good } }, "requests: Input should be a valid list"],
    ["has a string instead of a list", { requests: GOOD }, "requests: Input should be a valid list"],
  ])("is refused when it %s", async (_name, body, message) => {
    await expectBad(body, message);
  });

  it("is refused as a form, which a page of another origin could send", async () => {
    const answer = await send(JSON.stringify({ requests: [good] }), { "content-type": "text/plain" });
    expectRefusal(answer, 400, "invalid_request_error", /application\/json/);
  });

  it("is rejected if its encoding is unknown or wrong", async () => {
    const body = JSON.stringify({ requests: [good] });
    const [unknown, wrong] = ["unsupported", "invalid"].map((what) => ({
      error_code: `request_body_encoding_${what}`,
    }));
    const type = "invalid_request_error";
    expectRefusal(await send(body, { "content-encoding": "br" }), 400, type, /'br'/, unknown);
    expectRefusal(await send(body, { "content-encoding": "gzip" }), 400, type, /gzip/, wrong);
    const torn = gzipSync(body).subarray(0, -9);
    expectRefusal(await send(torn, { "content-encoding": "gzip" }), 400, type, /gzip/, wrong);
  });
});

const named = (custom_id: unknown) => ({ requests: [good, { custom_id, params: simple() }] });
const asking = (params: unknown) => ({ requests: [good, { custom_id: "b", params }] });

/** More levels than `JSON.stringify` could write. */
const deep = (levels: number) =>
  `{"requests":[{"custom_id":"a","params":{"a":${"[".repeat(levels)}${"]".repeat(levels)}}}]}`;

describe("a batch", () => {
  const PATTERN = "requests.1.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'";

  it.each([
    ["a request that is a number", { requests: [5] }, `requests.0: ${NO_OBJECT}`],
    ["a request that is null", { requests: [good, null] }, `requests.1: ${NO_OBJECT}`],
    ["a request that is a list", { requests: [[good]] }, `requests.0: ${NO_OBJECT}`],
    ["no id", { requests: [{ params: simple() }] }, "requests.0.custom_id: Field required"],
    ["a number for an id", named(5), "requests.1.custom_id: Input should be a valid string"],
    ["null for an id", named(null), "requests.1.custom_id: Input should be a valid string"],
    ["an empty id", named(""), PATTERN],
    ["an id of 65 characters", named("x".repeat(65)), PATTERN],
    ["an id with a blank", named("a b"), PATTERN],
    ["an id with a line end", named("a\n"), PATTERN],
    ["an id with an umlaut", named("ö"), PATTERN],
    ["an id with a slash", named("../a"), PATTERN],
    ["an id twice", named("good"), /^requests\.1\.custom_id: .*unique.*'good'/],
    ["no params", asking(undefined), "requests.1.params: Field required"],
    ["null for params", asking(null), `requests.1.params: ${NO_OBJECT}`],
    ["a text for params", asking("Hi"), `requests.1.params: ${NO_OBJECT}`],
    ["a list for params", asking([simple()]), `requests.1.params: ${NO_OBJECT}`],
    [
      "an extra field in a request",
      { requests: [{ ...good, method: "POST" }] },
      "requests.0.method: Extra inputs are not permitted",
    ],
    ["a name of a megabyte", { ["x".repeat(MEGABYTE)]: 1 }, /^x{256}: Extra inputs/],
    ["a field of a megabyte", { requests: [{ ["x".repeat(MEGABYTE)]: 1 }] }, /^requests\.0\.x{245}: Extra inputs/],
    ["params of a thousand levels", deep(1000), /^requests\.0\.params: nested deeper/],
    ["params of a million levels", deep(1e6), /^requests\.0\.params: nested deeper|JSON/],
  ])("is refused with %s", async (_name, body, message) => {
    await expectBad(body, message);
  });

  it("is refused with more than 100,000 requests", async () => {
    const requests = Array.from({ length: 100_001 }, (_, n) => `{"custom_id":"${n}","params":{}}`);
    await expectBad(
      `{"requests":[${requests.join(",")}]}`,
      "requests: List should have at most 100000 items after validation",
    );
  });

  it("is refused in an unknown version", async () => {
    const answer = await send(JSON.stringify({ requests: [good] }), { "anthropic-version": "2022-01-01" });
    expectRefusal(answer, 400, "invalid_request_error", /anthropic-version/);
  });
});

/** Sends `count` requests of a megabyte each, compressed. */
function sendZipped(count: number): Promise<RawAnswer> {
  const headers = { ...HEADERS, "content-encoding": "gzip" };
  const large = "x".repeat(MEGABYTE);
  return new Promise((resolve, reject) => {
    const outgoing = request(app.url + PATH, { method: "POST", headers, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    outgoing.on("error", reject);
    const gzip = createGzip();
    gzip.pipe(outgoing);
    gzip.write('{"requests":[');
    for (let n = 0; n < count; n++) gzip.write(`${n > 0 ? "," : ""}{"custom_id":"r${n}","params":{"x":"${large}"}}`);
    gzip.end("]}");
  });
}

describe("a batch that is too large", () => {
  it("is rejected by its content-length, before it is read", async () => {
    const answer = await send('{"requests":[', { "content-length": String(256 * MEGABYTE + 1) });
    expectRefusal(answer, 413, "request_too_large", "Request exceeds the maximum size of 256 MB.");
  });

  itThorough("is rejected by its uncompressed size", async () => {
    expectRefusal(await sendZipped(257), 413, "request_too_large", "Request exceeds the maximum size of 256 MB.");
  });

  it.each([
    ["in one request", `{"requests":[{"custom_id":"a","params":{"x":"${"x".repeat(33 * MEGABYTE)}"}}]}`],
    ["between two requests", `{"requests":[${GOOD},${" ".repeat(33 * MEGABYTE)}${GOOD}]}`],
    ["in the name of a field", `{"${"x".repeat(33 * MEGABYTE)}":[]}`],
  ])("is refused for its size %s", async (_name, body) => {
    const answer = await send(gzipSync(body), { "content-encoding": "gzip" });
    expectRefusal(
      answer,
      413,
      "request_too_large",
      "Request exceeds the maximum size of 32 MB for one request of a batch.",
    );
  });
});

describe("a batch that breaks off while it is sent", () => {
  it.each([{}, { "content-encoding": "gzip" }])("leaves nothing behind (%j)", async (encoding) => {
    const whole = Buffer.from(
      `{"requests":[${items(5000)
        .map((item) => JSON.stringify(item))
        .join(",")}]}`,
    );
    const body = "content-encoding" in encoding ? gzipSync(whole) : whole;
    const headers = { ...HEADERS, ...encoding, "content-length": body.length };
    const outgoing = request(app.url + PATH, { method: "POST", headers, agent: false });
    const broken = new Promise((resolve) => outgoing.on("error", resolve));
    outgoing.write(body.subarray(0, body.length / 2));
    const drafts = () => readdir(join(app.dataDir, "drafts"));
    await expect.poll(async () => (await drafts()).length, { timeout: 60_000 }).toBe(1);
    outgoing.destroy(new Error("gone"));
    await broken;
    await expect.poll(drafts, { timeout: 60_000 }).toEqual([]);
  });
});

describe("an unknown id of a batch", () => {
  it.each(["msgbatch_none", "nonsense", "__proto__", "..%2Ffiles", "msgbatch_a%00", "x".repeat(5000)])(
    "is not found: %s",
    async (id) => {
      const calls = [
        ["GET", ""],
        ["GET", "/results"],
        ["POST", "/cancel"],
        ["DELETE", ""],
      ];
      for (const [method, path] of calls) {
        const answer = await rawRequest(app.url, { method: method!, path: `${PATH}/${id}${path}`, headers: HEADERS });
        const words = `Message batch \`${decodeURIComponent(id)}\` not found.`;
        expectRefusal(answer, 404, "not_found_error", words);
      }
    },
  );
});

const A_FILE = "file_011CNha8iCJcU1wXNR6q4V8w";

describe("a list", () => {
  it.each([
    ["limit=0", "limit: Input should be greater than or equal to 1"],
    ["limit=1001", "limit: Input should be less than or equal to 1000"],
    ["limit=ten", "limit: Input should be a valid integer"],
    ["limit=", "limit: Input should be a valid integer"],
    ["after_id=msgbatch_none", "after_id: no message batch with the id 'msgbatch_none'"],
    ["before_id=5", "before_id: no message batch with the id '5'"],
    [`before_id=${A_FILE}`, `before_id: no message batch with the id '${A_FILE}'`],
  ])("is refused with %s", async (query, message) => {
    const answer = await rawRequest(app.url, { path: `${PATH}?${query}`, headers: HEADERS });
    expectRefusal(answer, 400, "invalid_request_error", message);
  });
});

describe("the routes of batches", () => {
  const ROUTES = [
    ["POST", ""],
    ["GET", ""],
    ["GET", "/msgbatch_a"],
    ["GET", "/msgbatch_a/results"],
    ["POST", "/msgbatch_a/cancel"],
    ["DELETE", "/msgbatch_a"],
  ] as const;

  it.each(ROUTES)("%s %s requires a key", async (method, path) => {
    const answer = await rawRequest(app.url, { method, path: PATH + path });
    expectRefusal(answer, 401, "authentication_error", "x-api-key header is required");
  });

  it.each([
    ["PUT", ""],
    ["POST", "/msgbatch_a"],
    ["GET", "/msgbatch_a/cancel"],
  ])("do not know %s %s", async (method, path) => {
    const answer = await rawRequest(app.url, { method, path: PATH + path, headers: HEADERS });
    expectRefusal(answer, 405, "invalid_request_error", "Method Not Allowed");
  });
});
