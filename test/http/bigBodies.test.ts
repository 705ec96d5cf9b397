import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { FULL, QUICK } from "../support/full.ts";
import { simple, startApp, until } from "../support/harness.ts";
import { expectRefusal, rawRequest } from "../support/rawRequest.ts";
import { reply, text } from "../support/replies.ts";
import { faultlessApp, sharedApp } from "../support/sharedApp.ts";

vi.setConfig({ testTimeout: 300_000 });

/** What `/health` reports of requests. */
interface Health {
  requests: { running: number };
}

const KB = 1024;
const MB = 1024 * KB;

const image = (size: number) => ({
  type: "image",
  source: { type: "base64", media_type: "image/png", data: "A".repeat(size) },
});

describe("a large body", () => {
  const app = faultlessApp();

  it.each([
    ["an image", [image(FULL ? 31 * MB : 1 * MB)]],
    [
      "a thousand blocks with escapes and letters beyond ASCII",
      Array(1000).fill({ type: "text", text: `"\\\n\u2028é${"x".repeat(400)}` }),
    ],
  ])("reaches upstream unchanged, streamed or not: %s", async (_what, content) => {
    app.fakeApi.respond = () => reply([text("Seen")]);
    for (const stream of [false, true]) {
      app.fakeApi.messages.length = 0;
      const response = await app.post(simple(content, { stream }));
      expect(response.status).toBe(200);
      expect(await response.text()).toContain("Seen");
      expect(app.fakeApi.messages.map(({ body }) => body.messages)).toEqual([[{ role: "user", content }]]);
    }
  });

  it("is followed by small ones on the same worker, with nothing of it left", async () => {
    app.fakeApi.respond = () => reply([text("Seen")]);
    await app.post(simple([image(MB)], { stop_sequences: ["END"] }));
    await app.post(simple("Hi"));
    expect(app.fakeApi.messages[1]?.body.messages).toEqual([{ role: "user", content: "Hi" }]);
    expect(app.fakeApi.messages[1]?.body).not.toHaveProperty("stop_sequences");
  });

  it.each([
    ["nested too deep", `[${"[".repeat(2e5)}${"]".repeat(2e5)}]`, /deeper than 1000 levels/],
    [
      "of too many keys",
      `[{${Array.from({ length: 2e5 + 1 }, (_, n) => `"${n}":1`).join()}}]`,
      /more than 200000 elements/,
    ],
  ])("is refused when it is %s, without a call", async (_what, content, message) => {
    const body = JSON.stringify(simple(0)).replace(":0}", `:${content}}`);
    const headers = { "x-api-key": "any-key", "content-type": "application/json" };
    const ask = (sent: Buffer, more = {}) =>
      rawRequest(app.url, { method: "POST", path: "/v1/messages", headers: { ...headers, ...more }, body: sent });
    expectRefusal(await ask(Buffer.from(body)), 400, "invalid_request_error", message);
    expectRefusal(await ask(gzipSync(body), { "content-encoding": "gzip" }), 400, "invalid_request_error", message);
    expect(app.fakeApi.messages).toHaveLength(0);
  });

  it("is shown in the log with its long values cut", async () => {
    await using shown = await startApp({ traffic: () => true });
    await shown.post(simple([image(MB)]));
    const line = shown.log.find((one) => one.includes(" → "));
    expect(line).toContain("… (1046576 more characters)");
    expect(line?.length).toBeLessThan(10_000);
  });

  it("may be a request of a batch", async () => {
    const content = [image(MB)];
    const requests = [{ custom_id: "big", params: simple(content) }];
    const json = async (path: string, init?: RequestInit) =>
      (await (await app.call(path, init)).json()) as { id: string; processing_status: string };
    const { id } = await json("/v1/messages/batches", { method: "POST", body: JSON.stringify({ requests }) });
    await until(() => app.fakeApi.messages.length > 0);
    expect(app.fakeApi.messages[0]?.body.messages).toEqual([{ role: "user", content }]);
    await until(async () => (await json(`/v1/messages/batches/${id}`)).processing_status === "ended");
    const results = await (await app.call(`/v1/messages/batches/${id}/results`)).text();
    expect(JSON.parse(results)).toMatchObject({ custom_id: "big", result: { type: "succeeded" } });
  });
});

describe("large bodies at the same time", () => {
  const app = sharedApp({ maxBodyMemory: FULL ? 128 * MB : 4 * MB, maxQueue: 300 });
  const [count, size] = FULL ? [130, 31 * MB] : [QUICK ? 6 : 12, 700 * KB];
  /** As many as are held at once: half of the memory for those over 4 MB, a quarter for others. */
  const together = FULL ? 2 : 1;

  it("wait in their sockets while others are on their way, and all are answered", async () => {
    let free = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    let taken = 0;
    app.fakeApi.respond = async ({ body }) => {
      if (body.messages[0].content !== "Hi") {
        taken += 1;
        await held;
      }
      return reply([text("Seen")]);
    };
    const body = JSON.stringify(simple([image(size)]));
    const failures = new Map<number, string>();
    const ask = async () => {
      const response = await app.call("/v1/messages", { method: "POST", body });
      const answer = await response.text();
      if (response.status !== 200) failures.set(response.status, answer);
    };
    const answers = Array.from({ length: count }, ask);
    const running = async () => ((await (await app.call("/health")).json()) as Health).requests.running;
    await until(async () => taken >= together && (await running()) === count);
    // it comes after all of them, so another of them would have got as far, were it let in
    expect((await app.post(simple("Hi"))).status).toBe(200);
    expect(taken).toBe(together);
    free();
    await Promise.all(answers);
    // four gigabytes may take longer than the minute that a body waits
    if (FULL) failures.delete(529);
    expect(Object.fromEntries(failures)).toEqual({});
  });

  it("keep no small one waiting", async () => {
    let free = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    app.fakeApi.respond = async ({ body }) => {
      if (body.messages[0].content !== "Hi") await held;
      return reply([text("Seen")]);
    };
    const large = [1, 2].map(() => app.post(simple([image(size)])));
    await until(() => app.fakeApi.messages.length > 0);
    expect((await app.post(simple("Hi"))).status).toBe(200);
    free();
    expect((await Promise.all(large)).map(({ status }) => status)).toEqual([200, 200]);
  });
});
