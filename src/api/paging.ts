import { invalidRequest } from "./errors.ts";
import { timeIn } from "./ids.ts";

/** A page as every list of the API answers it (contract: "Models", "Message Batches", "Files"). */
export interface Page<T> {
  data: T[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

export interface PageQuery {
  limit?: string | undefined;
  after_id?: string | undefined;
  before_id?: string | undefined;
}

/** What tells the place of an item in a list of what was created. */
export interface Created {
  id: string;
  /** RFC 3339, as `toISOString` writes it. */
  created_at: string;
}

/** Milliseconds since 1970 of the last year that times with four digits, and so their order as texts, can tell. */
export const MAX_TIME_MS = Date.parse("9999-12-31T23:59:59.999Z");

/** The order of every list of what was created: newest first, and of the same millisecond by id. */
export function newestFirst(a: Created, b: Created): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

/**
 * One page of a list that is in the order of `newestFirst`. A cursor of an item that has been deleted keeps its place
 * there, so that a client may delete what it lists. Throws `ApiError` 400.
 */
export function pageOfCreated<T extends Created>(
  items: readonly T[],
  query: PageQuery,
  noun: string,
  prefix: "file" | "msgbatch",
): Page<T> {
  return pageOf(items, query, noun, (id) => {
    const time = timeIn(prefix, id);
    if (time === undefined || time > MAX_TIME_MS) return undefined;
    const place = { id, created_at: new Date(time).toISOString() };
    const next = items.findIndex((item) => newestFirst(place, item) < 0);
    return next === -1 ? items.length : next;
  });
}

/**
 * One page of a list; `noun` names an item in the words for an unknown cursor, and `gapOf` knows what stands behind one
 * that is no longer there. Throws `ApiError` 400 for a limit or cursor that is none.
 */
export function pageOf<T extends { id: string }>(
  items: readonly T[],
  query: PageQuery,
  noun: string,
  gapOf: (id: string) => number | undefined = () => undefined,
): Page<T> {
  const limit = parseLimit(query.limit);
  /** Where the items before a cursor end, and where those after it begin. */
  const around = (name: "after_id" | "before_id", id: string): [number, number] => {
    const position = items.findIndex((item) => item.id === id);
    if (position !== -1) return [position, position + 1];
    const gap = gapOf(id);
    if (gap === undefined) throw invalidRequest(`${name}: no ${noun} with the id '${id}'`);
    return [gap, gap];
  };
  const from = query.after_id === undefined ? 0 : around("after_id", query.after_id)[1];
  const to = query.before_id === undefined ? items.length : around("before_id", query.before_id)[0];
  // going backwards, a page is the one that lies directly before the cursor
  const backwards = query.before_id !== undefined && query.after_id === undefined;
  const start = backwards ? Math.max(from, to - limit) : from;
  const data = items.slice(start, Math.min(to, start + limit));
  return {
    data,
    has_more: backwards ? start > from : start + limit < to,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

/** Items a page may hold: 1 to 1000, by default 20. Throws `ApiError` 400. */
export function parseLimit(limit: string | undefined): number {
  if (limit === undefined) return 20;
  return wholeNumber("limit", limit, 1, 1000);
}

/** A number in a query or a form. Throws `ApiError` 400. */
export function wholeNumber(name: string, text: string, minimum: number, maximum: number): number {
  if (!/^-?\d+$/.test(text)) throw invalidRequest(`${name}: Input should be a valid integer`);
  const value = Number(text);
  if (value < minimum) throw invalidRequest(`${name}: Input should be greater than or equal to ${minimum}`);
  if (value > maximum) throw invalidRequest(`${name}: Input should be less than or equal to ${maximum}`);
  return value;
}
