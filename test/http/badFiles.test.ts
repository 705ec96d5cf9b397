import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  aFile,
  expectStored,
  FORM_END,
  FORM_TYPE,
  form,
  KEY,
  type Part,
  partHead,
  postForm,
} from "../support/forms.ts";
import { itThorough } from "../support/full.ts";
import { startApp } from "../support/harness.ts";
import { expectRefusal, type RawAnswer, rawRequest } from "../support/rawRequest.ts";
import { faultlessApp } from "../support/sharedApp.ts";

const app = faultlessApp();
afterEach(() => expectStored(app.url, app.dataDir, []));

const send = (...parts: Part[]) => postForm(app.url, form(...parts));
const ask = (path: string, method = "GET") => rawRequest(app.url, { method, path, headers: KEY });

function expectBad(answer: RawAnswer, message: string | RegExp, details?: Record<string, unknown>): void {
  expectRefusal(answer, 400, "invalid_request_error", message, details);
  expect(answer.headers["x-should-retry"]).toBe("false");
}

describe("a name", () => {
  it.each([
    ["../evil.txt", /must not contain/],
    ["../../../../etc/cron.d/evil", /must not contain/],
    ["/etc/passwd", /must not contain/],
    ["..%2fevil/", /must not contain/],
    ["..\\evil.txt", /must not contain/],
    ["C:\\evil.txt", /must not contain/],
    ["a.txt:stream", /must not contain/],
    ["nul\0.txt", /must not contain/],
    ["tab\t.txt", /must not contain/],
    ["what?.txt", /must not contain/],
    ["a*.txt", /must not contain/],
    ["<a>.txt", /must not contain/],
    ["a|b", /must not contain/],
    ['say \\"a\\".txt', /must not contain/],
    [`${"x".repeat(296)}.txt`, /at most 255 characters/],
    ["x".repeat(256), /at most 255 characters/],
    ["", /at least 1 character/],
    ["CON", "file: 'CON' is a reserved name"],
    ["nul", "file: 'nul' is a reserved name"],
    ["aux.txt", "file: 'aux.txt' is a reserved name"],
    [".", "file: '.' is a reserved name"],
    ["..", "file: '..' is a reserved name"],
  ])("is refused when it is %j", async (filename, message) => {
    expectBad(await send(aFile({ filename })), message);
  });

  it("is required", async () => {
    expectBad(await send({ name: "file", content: "Hello" }), /at least 1 character/);
  });

  it("with a line break is rejected", async () => {
    expectBad(await send(aFile({ filename: "a\nb.txt" })), "file: Field required");
  });
});

describe("a form", () => {
  it.each([
    ["no part", []],
    ["a field alone", [{ name: "expires_in_seconds", content: "3600" }]],
    ["a part without disposition's name", [{ content: "Hello" }]],
  ])("without a file is refused: %s", async (_name, parts: Part[]) => {
    expectBad(await send(...parts), "file: Field required");
  });

  it("with a file of another name is rejected", async () => {
    expectBad(await send(aFile({ name: "document" })), "document: Extra inputs are not permitted");
    expectBad(await send(aFile({ name: "document" }), aFile()), "document: Extra inputs are not permitted");
  });

  it("with two files is rejected, small or large", async () => {
    expectBad(await send(aFile(), aFile({ filename: "b.txt" })), "file: Only one file may be sent at a time");
    const content = Buffer.alloc(3_000_000);
    expectBad(await send(aFile({ content }), aFile({ content })), "file: Only one file may be sent at a time");
  });

  it("of more than 100 parts is rejected, wherever the file is", async () => {
    const fields: Part[] = Array.from({ length: 100 }, () => ({ name: "other", content: "x" }));
    expectBad(await send(...fields, aFile()), "The form must have at most 100 parts");
    expectBad(await send(aFile(), ...fields), "The form must have at most 100 parts");
  });

  it("with an empty file is rejected", async () => {
    expectBad(await send(aFile({ content: "" })), "file: The file must not be empty");
  });

  it.each([
    ["3599", "expires_in_seconds: Input should be greater than or equal to 3600"],
    ["0", "expires_in_seconds: Input should be greater than or equal to 3600"],
    ["-3600", "expires_in_seconds: Input should be greater than or equal to 3600"],
    ["7776001", "expires_in_seconds: Input should be less than or equal to 7776000"],
    ["1e300", "expires_in_seconds: Input should be a valid integer"],
    ["3600.5", "expires_in_seconds: Input should be a valid integer"],
    ["an hour", "expires_in_seconds: Input should be a valid integer"],
    ["", "expires_in_seconds: Input should be a valid integer"],
  ])("with %j seconds to keep is refused, before or after the file", async (content, message) => {
    const seconds = { name: "expires_in_seconds", content };
    expectBad(await send(seconds, aFile()), message);
    expectBad(await send(aFile(), seconds), message);
  });

  it.each([
    ["application/json", "Content-Type must be multipart/form-data."],
    ["application/x-www-form-urlencoded", "Content-Type must be multipart/form-data."],
    ["text/plain", "Content-Type must be multipart/form-data."],
    ["multipart/mixed; boundary=----a-boundary", "Content-Type must be multipart/form-data."],
    ["multipart/form-data", "Content-Type must name the boundary of the multipart body."],
    ["multipart/form-data; boundary=", "file: Field required"],
    ["multipart/form-data; boundary=another", /^The multipart body is malformed/],
  ])("sent as %s is refused", async (type, message) => {
    expectBad(await postForm(app.url, form(aFile()), { "content-type": type }), message);
  });

  it("without a content type is rejected", async () => {
    const answer = await rawRequest(app.url, { method: "POST", path: "/v1/files", headers: KEY, body: form(aFile()) });
    expectBad(answer, "Content-Type must be multipart/form-data.");
  });

  it.each([
    ["nothing", ""],
    ["only JSON", '{"file":"Hello"}'],
    ["only line breaks", "\r\n".repeat(1000)],
    ["only its beginning", "------a-boundary\r\n"],
    ["a part that never ends", partHead(aFile()) + "x".repeat(100_000)],
  ])("that is none is refused: %s", async (_name, body) => {
    expectBad(await postForm(app.url, Buffer.from(body)), /^The multipart body is malformed|^file: Field required/);
  });

  it("is rejected wherever it is cut off", async () => {
    const whole = form({ name: "expires_in_seconds", content: "3600" }, aFile());
    for (let length = 0; length < whole.length; length++) {
      const answer = await postForm(app.url, whole.subarray(0, length));
      expect([length, answer.status]).toEqual([length, 400]);
      expectBad(answer, /^The multipart body is malformed|^file: Field required/);
    }
  });

  it("is rejected without a key, in an answer that the client can read", async () => {
    const headers = { "content-type": FORM_TYPE };
    const body = form(aFile({ content: Buffer.alloc(10_000_000) }));
    const answer = await rawRequest(app.url, { method: "POST", path: "/v1/files", headers, body });
    expectRefusal(answer, 401, "authentication_error", "x-api-key header is required");
  });

  it("is rejected in an answer that a client gets which reads only after sending everything", async () => {
    const body = form(aFile({ filename: "a/b", content: Buffer.alloc(50_000_000) }));
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    const head = `POST /v1/files HTTP/1.1\r\nhost: localhost\r\nx-api-key: k\r\ncontent-type: ${FORM_TYPE}\r\n`;
    socket.write(`${head}content-length: ${body.length}\r\n\r\n`);
    await new Promise<void>((resolve, reject) => socket.write(body, (error) => (error ? reject(error) : resolve())));
    let answer = "";
    for await (const chunk of socket) {
      answer += chunk;
      if (answer.endsWith("}")) break;
    }
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain("must not contain");
  });
});

describe("a file that is too large", () => {
  it("is rejected when the quota is used up", async () => {
    await using small = await startApp({ storageQuota: 10 / 1024 ** 3 });
    const answer = await postForm(small.url, form(aFile({ content: "x".repeat(11) })));
    expectBad(answer, /^The storage quota of .* is used up\./, { error_code: "storage_quota_exceeded" });
    await expectStored(small.url, small.dataDir, []);
    expect((await postForm(small.url, form(aFile({ content: "x".repeat(10) })))).status).toBe(200);
  });

  itThorough("is rejected beyond 500 MB, in an answer that the client can read", async () => {
    const megabyte = Buffer.alloc(1024 * 1024);
    const chunks = [
      Buffer.from(partHead(aFile())),
      ...Array.from({ length: 501 }, () => megabyte),
      Buffer.from(FORM_END),
    ];
    expectRefusal(await postForm(app.url, chunks), 413, "request_too_large", /500 MB/);
  });
});

const A_BATCH = "msgbatch_011CNha8iCJcU1wXNR6q4V8w";

describe("a list", () => {
  it.each([
    ["limit=0", "limit: Input should be greater than or equal to 1"],
    ["limit=-1", "limit: Input should be greater than or equal to 1"],
    ["limit=1001", "limit: Input should be less than or equal to 1000"],
    ["limit=ten", "limit: Input should be a valid integer"],
    ["limit=", "limit: Input should be a valid integer"],
    ["page=2", "page: '2' is not a valid page cursor"],
    ["page=", "page: '' is not a valid page cursor"],
    ["page=page_", "page: 'page_' is not a valid page cursor"],
    ["page=page_file_x", "page: 'page_file_x' is not a valid page cursor"],
    ["after_id=file_x", "after_id: no file with the id 'file_x'"],
    ["before_id=file_x", "before_id: no file with the id 'file_x'"],
    [`after_id=${A_BATCH}`, `after_id: no file with the id '${A_BATCH}'`],
    ["page=page_a", "page: 'page_a' is not a valid page cursor"],
    ["page=page_!-a", "page: 'page_!-a' is not a valid page cursor"],
    ["ids[]=file_x&limit=5", "limit: Not permitted together with ids"],
    ["ids[]=file_x&page=page_a", "page: Not permitted together with ids"],
    [Array.from({ length: 101 }, (_, each) => `ids[]=file_${each}`).join("&"), /^ids: List should have at most 100/],
  ])("is refused with %s", async (query, message) => {
    expectBad(await ask(`/v1/files?${query}`), message);
  });
});

describe("an id", () => {
  it.each(["file_x", "x", "..", "file_011CNha8iCJcU1wXNR6q4V8w", "file_..%2F..%2Fversion.json", "%00"])(
    "that does not exist is not found: %s",
    async (id) => {
      const missing = `File \`${decodeURIComponent(id)}\` not found.`;
      for (const [method, path] of [
        ["GET", ""],
        ["GET", "/content"],
        ["DELETE", ""],
      ] as const) {
        expectRefusal(await ask(`/v1/files/${id}${path}`, method), 404, "not_found_error", missing);
      }
    },
  );

  it("has no other methods", async () => {
    for (const [method, path, allow] of [
      ["PUT", "/v1/files", ["GET", "HEAD", "POST"]],
      ["POST", "/v1/files/file_x", ["DELETE", "GET", "HEAD"]],
      ["DELETE", "/v1/files/file_x/content", ["GET", "HEAD"]],
    ] as const) {
      const answer = await ask(path, method);
      expectRefusal(answer, 405, "invalid_request_error", "Method Not Allowed");
      expect(answer.headers.allow?.split(", ").sort()).toEqual(allow);
    }
    expectRefusal(await ask("/v1/files/file_x/other"), 404, "not_found_error", /^Not Found\. GET /);
  });
});
