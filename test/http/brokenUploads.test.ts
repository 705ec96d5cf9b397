import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { scratchHome, startApp, until } from "../support/harness.ts";

/** Opens a connection, and sends the head of a request and this part of its body. */
function send(url: string, path: string, headers: string, length: number, body: Buffer) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: k\r\n${headers}content-length: ${length}\r\n\r\n`,
  );
  return new Promise<typeof socket>((resolve) => socket.write(body, () => resolve(socket)));
}

it("closes, and leaves no draft, whatever clients do with their uploads and batches", async () => {
  await using scratch = await scratchHome();
  const dataDir = join(scratch.home, "data");
  await using app = await startApp({ dataDir, claudePath: join(scratch.home, "no-claude") });
  const params = { text: randomBytes(20_000).toString("latin1") };
  const batch = gzipSync(JSON.stringify({ requests: [{ custom_id: "a", params }] }));
  const gzip = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
  for (let n = 0; n < 20; n++) {
    // the complete body, then disconnected
    (await send(app.url, "/v1/messages/batches", gzip, batch.length, batch)).destroy();
    await send(app.url, "/v1/messages/batches", gzip, batch.length, batch.subarray(0, -20));
    const form = Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHello');
    await send(app.url, "/v1/files", "content-type: multipart/form-data; boundary=b\r\n", 1000, form);
  }
  const drafts = () => readdir(join(dataDir, "drafts"));
  await until(async () => (await drafts()).length >= 20);
  await app.server.close();
  expect(await drafts()).toEqual([]);
});
