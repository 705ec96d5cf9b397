import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { gzipSync } from "node:zlib";
import Koa, { type Context } from "koa";
import { describe, expect, it } from "vitest";
import { jsonBytes } from "../../../src/http/byteStream.ts";
import { receiveFile } from "../../../src/http/multipart.ts";
import { FORM_TYPE, form } from "../../support/forms.ts";

/** Small enough to be buffered completely before the server reads it. */
const SIZE = 40_000;
const PIECE = 1000;

/** Receives a body that the client has sent completely; must end once the client has disconnected. */
type Handler = (context: Context, gone: Promise<unknown>) => Promise<unknown>;

/** Sends a complete request, disconnects, and returns the handler's outcome. */
async function sendAndLeave(type: string, encoding: string, body: Buffer, handler: Handler): Promise<unknown> {
  const app = new Koa();
  const arrived = new Promise<Context>((resolve) => {
    app.use((context) => {
      resolve(context);
      return forever;
    });
  });
  const server = createServer(app.callback()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const head = `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\n${encoding}transfer-encoding: chunked\r\n\r\n`;
  socket.write(Buffer.concat([Buffer.from(head), ...chunked(body)]));
  const context = await arrived;
  const ended = handler(context, new Promise((gone) => context.req.once("close", gone))).catch((error) => error);
  await expect.poll(() => context.req.complete, { interval: 1 }).toBe(true);
  socket.destroy();
  const outcome = await ended;
  server.close();
  return outcome;
}

const forever = new Promise<void>(() => {});

/** In chunks, so that a reader may stop between two of them. */
function* chunked(body: Buffer): Generator<Buffer> {
  for (let from = 0; from < body.length; from += PIECE) {
    const piece = body.subarray(from, from + PIECE);
    yield Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
  }
  yield Buffer.from("0\r\n\r\n");
}

async function drain(source: AsyncIterable<Uint8Array>, afterFirst: Promise<unknown>): Promise<number> {
  let size = 0;
  for await (const chunk of source) {
    if (size === 0) await afterFirst;
    size += chunk.length;
  }
  return size;
}

const now = Promise.resolve();
const BROKEN_OFF = { status: 400, type: "invalid_request_error" };

describe("a client that disconnects after its last byte", () => {
  const json = Buffer.from(JSON.stringify(randomBytes(SIZE).toString("latin1")));

  it.each([
    ["plain", "", json],
    ["gzip", "content-encoding: gzip\r\n", gzipSync(json)],
  ])("ends a %s body that is not yet read", async (_name, encoding, body) => {
    const read: Handler = async (context, gone) => {
      await gone;
      return drain(jsonBytes(context, 1), now);
    };
    expect(await sendAndLeave("application/json", encoding, body, read)).toMatchObject(BROKEN_OFF);
  });

  it.each([
    ["plain", "", json],
    ["gzip", "content-encoding: gzip\r\n", gzipSync(json)],
  ])("ends a %s body that is being read", async (_name, encoding, body) => {
    const read: Handler = (context, gone) => drain(jsonBytes(context, 1), gone);
    const outcome = await sendAndLeave("application/json", encoding, body, read);
    // the buffers may have held the complete body
    expect([json.length, expect.objectContaining(BROKEN_OFF)]).toContainEqual(outcome);
  });

  const file = form({ name: "file", filename: "a.bin", content: randomBytes(SIZE) });

  it("ends an upload that is not yet read", async () => {
    const read: Handler = async ({ req }, gone) => {
      await gone;
      return receiveFile(req, ({ upload }) => drain(upload.content, now));
    };
    expect(await sendAndLeave(FORM_TYPE, "", file, read)).toMatchObject(BROKEN_OFF);
  });

  it("ends an upload that is being read, and stops waiting for its other fields", async () => {
    const read: Handler = ({ req }, gone) =>
      receiveFile(req, async ({ upload, rest }) => {
        await drain(upload.content, gone);
        return rest();
      });
    const outcome = await sendAndLeave(FORM_TYPE, "", file, read);
    expect([{}, expect.objectContaining(BROKEN_OFF)]).toContainEqual(outcome);
  });
});
