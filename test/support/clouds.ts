import { crc32 } from "node:zlib";
import type { StreamEvent } from "./replies.ts";

/** Path endings of the CLI's calls to Vertex and Bedrock, with and without a stream. */
export const CLOUD_CALL = /(?<!count-tokens):(streamR|r)awPredict$|\/invoke(-with-response-stream)?$/;

/** Variables that make the CLI use Vertex or Bedrock, with dummy credentials. */
export const CLOUDS = {
  Vertex: (url: string) => ({
    CLAUDE_CODE_USE_VERTEX: "1",
    CLAUDE_CODE_SKIP_VERTEX_AUTH: "1",
    ANTHROPIC_VERTEX_BASE_URL: url,
    ANTHROPIC_VERTEX_PROJECT_ID: "project",
    CLOUD_ML_REGION: "us-east5",
  }),
  Bedrock: (url: string) => ({
    CLAUDE_CODE_USE_BEDROCK: "1",
    ANTHROPIC_BEDROCK_BASE_URL: url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "AKIADUMMY",
    AWS_SECRET_ACCESS_KEY: "dummy",
    // otherwise the CLI requests a token from each default model at its start, to test the account
    ANTHROPIC_DEFAULT_SONNET_MODEL: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ANTHROPIC_DEFAULT_OPUS_MODEL: "us.anthropic.claude-opus-4-6-v1",
    ANTHROPIC_DEFAULT_HAIKU_MODEL: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
  }),
};

/** An event as Bedrock streams it: an AWS event stream message whose payload contains the event in Base64. */
export function eventStreamFrame(event: StreamEvent): Buffer {
  const bytes = Buffer.from(JSON.stringify(event)).toString("base64");
  const headers = Buffer.concat([
    header(":event-type", "chunk"),
    header(":content-type", "application/json"),
    header(":message-type", "event"),
  ]);
  const payload = Buffer.from(JSON.stringify({ bytes }));
  const prelude = checked(Buffer.concat([uint32(16 + headers.length + payload.length), uint32(headers.length)]));
  return checked(Buffer.concat([prelude, headers, payload]));
}

/** A header with a string value (type 7). */
function header(name: string, value: string): Buffer {
  const length = Buffer.from([value.length >> 8, value.length & 0xff]);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), length, Buffer.from(value)]);
}

function checked(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, uint32(crc32(bytes))]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
