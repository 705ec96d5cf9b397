import { type Block, blocksOf, walkBlocks } from "../api/blocks.ts";
import { fileTooLarge, invalidRequest, wrongFileKind } from "../api/errors.ts";
import type { MessagesRequest } from "../validation/messagesRequest.ts";

/** Reads uploaded files. Both methods throw `ApiError` 404. */
export interface FileSource {
  get(id: string): Promise<StoredFile>;
  content(file: StoredFile): Promise<Buffer>;
}

export interface StoredFile {
  id: string;
  filename: string;
  mime_type: string;
  size_bytes: number;
}

/** All files of a request as base64: the API's limit for a request (docs: "Request size limits"). */
export const MAX_INLINE_BYTES = 32 * 1024 * 1024;

/** Accepted by type of block (contract: "Files"). */
const MEDIA_TYPES: ReadonlyMap<string, readonly string[]> = new Map([
  ["image", ["image/jpeg", "image/png", "image/gif", "image/webp"]],
  ["document", ["application/pdf", "text/plain"]],
]);

/**
 * Replaces file ids, which upstream does not know, by the files' content. Returns a request without files unchanged.
 * Throws `ApiError` 404 for a missing file, 400 for one that does not fit.
 */
export async function inlineFiles<R extends Pick<MessagesRequest, "messages">>(
  request: R,
  files: FileSource,
): Promise<R> {
  if (!namesFiles(request)) return request;
  const inliner = new FileInliner(files);
  const messages: MessagesRequest["messages"] = [];
  for (const [index, message] of request.messages.entries()) {
    const content = await inliner.list(message.content, `messages.${index}.content`);
    messages.push({ ...message, content });
  }
  return { ...request, messages };
}

export function namesFiles(request: { messages?: unknown } | null | undefined): boolean {
  const messages: unknown = request?.messages;
  return Array.isArray(messages) && messages.some((message) => namesFile(message?.content));
}

function namesFile(content: unknown): boolean {
  for (const { source } of walkBlocks(content)) if (source?.type === "file") return true;
  return false;
}

class FileInliner {
  readonly #files: FileSource;
  #size = 0;

  constructor(files: FileSource) {
    this.#files = files;
  }

  /** For a message, a tool result or a document. Returns anything but blocks unchanged. */
  async list(content: unknown, path: string): Promise<unknown> {
    if (!namesFile(content)) return content;
    const blocks: unknown[] = [];
    for (const [index, block] of blocksOf(content).entries()) {
      blocks.push(await this.#block(block, `${path}.${index}.${block?.type}`));
    }
    return blocks;
  }

  async #block(block: Block | null, path: string): Promise<unknown> {
    if (!block || !namesFile([block])) return block;
    const { type = "", source } = block;
    const kinds = MEDIA_TYPES.get(type);
    if (source?.type === "file" && kinds) {
      return { ...block, source: await this.#source(type, kinds, source.file_id, `${path}.source.file.file_id`) };
    }
    const resolved = { ...block };
    if (namesFile(block.content)) resolved.content = await this.list(block.content, `${path}.content`);
    if (namesFile(source?.content)) {
      resolved.source = { ...source, content: await this.list(source.content, `${path}.source.content`) };
    }
    return resolved;
  }

  async #source(kind: string, kinds: readonly string[], id: unknown, path: string): Promise<object> {
    if (id === undefined) throw invalidRequest(`${path}: Field required`);
    if (typeof id !== "string") throw invalidRequest(`${path}: Input should be a valid string`);
    const file = await this.#files.get(id);
    const { mime_type, size_bytes } = file;
    if (!kinds.includes(mime_type)) throw wrongFileKind(id, mime_type, kind, kinds);
    this.#size += Math.ceil(size_bytes / 3) * 4;
    if (this.#size > MAX_INLINE_BYTES) throw fileTooLarge(id);
    const content = await this.#files.content(file);
    if (mime_type !== "text/plain") return { type: "base64", media_type: mime_type, data: content.toString("base64") };
    return { type: "text", media_type: mime_type, data: utf8(content, id) };
  }
}

function utf8(content: Buffer, id: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw invalidRequest(`File \`${id}\` is of type text/plain, but its content is not UTF-8.`);
  }
}
