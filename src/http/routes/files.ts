import type { Context } from "koa";
import { fileNotDownloadable, invalidRequest } from "../../api/errors.ts";
import { type Created, MAX_TIME_MS, newestFirst, pageOf, pageOfCreated, wholeNumber } from "../../api/paging.ts";
import type { FileMetadata } from "../../files/metadata.ts";
import type { FileStore } from "../../files/store.ts";
import { receiveFile } from "../multipart.ts";
import { lastValues } from "../query.ts";

type WithId = Context & { params: { id: string } };

/** A file's lifetime: one hour to 90 days (contract: "Files"). */
const EXPIRES_IN_SECONDS = { minimum: 3600, maximum: 7_776_000 };
const MAX_IDS = 100;
/** Cursor: creation time and id of the previous page's last file. Stays valid after that file is deleted. */
const PAGE_CURSOR = /^page_([0-9a-z]{1,10})-([A-Za-z0-9]{1,64})$/;

/** `POST /v1/files`. */
export function uploadFile(files: FileStore) {
  return async (context: Context): Promise<void> => {
    context.body = await receiveFile(context.req, ({ upload, rest }) =>
      files.add(upload, async () => {
        const { expires_in_seconds: text } = await rest();
        if (text === undefined) return undefined;
        return wholeNumber("expires_in_seconds", text, EXPIRES_IN_SECONDS.minimum, EXPIRES_IN_SECONDS.maximum);
      }),
    );
  };
}

/** `GET /v1/files`. The response supports the pagination of both older and newer SDKs. */
export function listFiles(files: FileStore) {
  return async (context: Context): Promise<void> => {
    const all = await files.list();
    const ids = idsOf(context.query);
    context.body = ids ? pickedFiles(all, ids, context.query) : pagedFiles(all, context.query);
  };
}

/** `GET /v1/files/{id}`. */
export function retrieveFile(files: FileStore) {
  return async (context: WithId): Promise<void> => {
    context.body = await files.get(context.params.id);
  };
}

/** `GET /v1/files/{id}/content`. Uploaded files cannot be downloaded. */
export function downloadFile(files: FileStore) {
  return async (context: WithId): Promise<void> => {
    await files.get(context.params.id);
    throw fileNotDownloadable();
  };
}

/** `DELETE /v1/files/{id}`. */
export function deleteFile(files: FileStore) {
  return async (context: WithId): Promise<void> => {
    const { id } = context.params;
    await files.remove(id);
    context.body = { id, type: "file_deleted" };
  };
}

function pagedFiles(all: FileMetadata[], query: Context["query"]) {
  const { page: cursor, ...rest } = lastValues(query);
  const page =
    cursor === undefined
      ? pageOfCreated(all, rest, "file", "file")
      : pageOf(after(cursor, all), { limit: rest.limit }, "file");
  const last = page.data.at(-1);
  return { ...page, next_page: page.has_more && last ? cursorAfter(last) : null };
}

function cursorAfter({ id, created_at }: Created): string {
  return `page_${Date.parse(created_at).toString(36)}-${id.slice("file_".length)}`;
}

/** Returns the files after a cursor. Throws `ApiError` 400. */
function after(cursor: string, all: FileMetadata[]): FileMetadata[] {
  const [, digits = "", rest] = PAGE_CURSOR.exec(cursor) ?? [];
  const time = Number.parseInt(digits, 36);
  if (!(time <= MAX_TIME_MS)) throw invalidRequest(`page: '${cursor}' is not a valid page cursor`);
  const place = { id: `file_${rest}`, created_at: new Date(time).toISOString() };
  return all.filter((file) => newestFirst(place, file) < 0);
}

function pickedFiles(all: FileMetadata[], ids: string[], query: Context["query"]) {
  if (ids.length > MAX_IDS) throw invalidRequest(`ids: List should have at most ${MAX_IDS} items after validation`);
  for (const name of ["page", "limit"]) {
    if (query[name] !== undefined) throw invalidRequest(`${name}: Not permitted together with ids`);
  }
  const wanted = new Set(ids);
  const data = all.filter((file) => wanted.has(file.id));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, next_page: null };
}

/** Parses `ids[]=a&ids[]=b`, as SDKs write lists, or `ids=…`. */
function idsOf(query: Context["query"]): string[] | undefined {
  const ids = [query["ids[]"] ?? [], query.ids ?? []].flat();
  return ids.length > 0 ? ids : undefined;
}
