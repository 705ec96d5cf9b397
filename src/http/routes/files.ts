import type { ParsedUrlQuery } from "node:querystring";
import Router from "@koa/router";
import { fileNotDownloadable, invalidRequest } from "../../api/errors.ts";
import { type Created, MAX_TIME_MS, newestFirst, pageOf, pageOfCreated, wholeNumber } from "../../api/paging.ts";
import type { FileMetadata } from "../../files/metadata.ts";
import type { FileStore } from "../../files/store.ts";
import type { ApiState, WithId } from "../apiState.ts";
import { receiveFile } from "../multipart.ts";
import { lastValues, listValues } from "../query.ts";

/** A file's lifetime: one hour to 90 days (contract: "Files"). */
const EXPIRES_IN_SECONDS = { minimum: 3600, maximum: 7_776_000 };
const MAX_IDS = 100;
/** Cursor: creation time and id of the previous page's last file. Stays valid after that file is deleted. */
const PAGE_CURSOR = /^page_([0-9a-z]{1,10})-([A-Za-z0-9]{1,64})$/;

export function fileRoutes({ files }: { files: FileStore }): Router<ApiState> {
  const router = new Router<ApiState>({ prefix: "/v1/files" });

  router.post("/", async (context) => {
    context.body = await receiveFile(context.req, ({ upload, rest }) =>
      files.add(upload, async () => {
        const { expires_in_seconds: text } = await rest();
        if (text === undefined) return undefined;
        return wholeNumber("expires_in_seconds", text, EXPIRES_IN_SECONDS.minimum, EXPIRES_IN_SECONDS.maximum);
      }),
    );
  });

  // the response supports the pagination of both older and newer SDKs
  router.get("/", async (context) => {
    const all = await files.list();
    const ids = listValues(context.query, "ids");
    context.body = ids.length > 0 ? pickedFiles(all, ids, context.query) : pagedFiles(all, context.query);
  });

  router.get<unknown, WithId>("/:id", async (context) => {
    context.body = await files.get(context.params.id);
  });

  router.delete<unknown, WithId>("/:id", async (context) => {
    const { id } = context.params;
    await files.remove(id);
    context.body = { id, type: "file_deleted" };
  });

  router.get<unknown, WithId>("/:id/content", async (context) => {
    await files.get(context.params.id);
    throw fileNotDownloadable();
  });

  return router;
}

function pagedFiles(all: FileMetadata[], query: ParsedUrlQuery) {
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

function pickedFiles(all: FileMetadata[], ids: string[], query: ParsedUrlQuery) {
  if (ids.length > MAX_IDS) throw invalidRequest(`ids: List should have at most ${MAX_IDS} items after validation`);
  for (const name of ["page", "limit"]) {
    if (query[name] !== undefined) throw invalidRequest(`${name}: Not permitted together with ids`);
  }
  const wanted = new Set(ids);
  const data = all.filter((file) => wanted.has(file.id));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, next_page: null };
}
