import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { type RawAnswer, rawRequest } from "./rawRequest.ts";

/** A part of a form, sent as given. */
export interface Part {
  name?: string;
  filename?: string;
  type?: string;
  content?: string | Buffer;
}

const BOUNDARY = "----a-boundary";
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;
/** The end of a complete form. */
export const FORM_END = `\r\n--${BOUNDARY}--`;

/** The head of a part. */
export function partHead({ name, filename, type }: Part): string {
  const names = [
    name === undefined ? "" : `; name="${name}"`,
    filename === undefined ? "" : `; filename="${filename}"`,
  ];
  const kind = type === undefined ? "" : `content-type: ${type}\r\n`;
  return `--${BOUNDARY}\r\ncontent-disposition: form-data${names.join("")}\r\n${kind}\r\n`;
}

export function form(...parts: Part[]): Buffer {
  const pieces = parts.flatMap((part, at) => [at > 0 ? "\r\n" : "", partHead(part), part.content ?? ""]);
  return Buffer.concat([...pieces, FORM_END].map((piece) => Buffer.from(piece as string)));
}

export const aFile = (more: Part = {}): Part => ({
  name: "file",
  filename: "a.txt",
  type: "text/plain",
  content: "Hello",
  ...more,
});

export const KEY = { "x-api-key": "any-key" };

/** POSTs a body as a form to `/v1/files`. */
export function postForm(
  url: string,
  body: Buffer | Buffer[],
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const all = { ...KEY, "content-type": FORM_TYPE, ...headers };
  return rawRequest(url, { method: "POST", path: "/v1/files", headers: all, body });
}

/** Uploads parts and returns the file's metadata. */
export async function upload(url: string, ...parts: Part[]) {
  const answer = await postForm(url, form(...parts));
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return JSON.parse(answer.text);
}

/** Every file of a server's list. */
export async function listed(url: string): Promise<{ id: string; filename: string; size_bytes: number }[]> {
  const answer = await rawRequest(url, { path: "/v1/files?limit=1000", headers: KEY });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text).data;
}

/** Waits until the data directory has no incomplete file, and expects exactly these files. */
export async function expectStored(url: string, dataDir: string, ids: string[]): Promise<void> {
  await expect.poll(() => readdir(join(dataDir, "drafts")), { timeout: 30_000 }).toEqual([]);
  expect((await listed(url)).map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect((await readdir(join(dataDir, "files"))).sort()).toEqual([...ids].sort());
}
