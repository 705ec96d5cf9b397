import { invalidRequest } from "./errors.ts";
import { timeIn } from "./ids.ts";

/** A page of any list of the API (contract: "Models", "Message Batches", "Files"). */
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

export interface Created {
  id: string;
  /** RFC 3339, as `toISOString` writes it. */
  created_at: string;
}

/** Later times have a year of five digits and do not sort as text. */
export const MAX_TIME_MS = Date.parse("9999-12-31T23:59:59.999Z");

export function newestFirst(a: Created, b: Created): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

/**
 * For lists sorted by `newestFirst`. The cursor of a deleted item stays valid, so that a client may delete what it
 * lists. Throws `ApiError` 400.
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
 * One page of a list. `noun` names an item in the message for an unknown cursor; `positionOfDeleted` returns the
 * position of a deleted item. Throws `ApiError` 400 for an invalid limit or cursor.
 */
export function pageOf<T extends { id: string }>(
  items: readonly T[],
  query: PageQuery,
  noun: string,
  positionOfDeleted: (id: string) => number | undefined = () => undefined,
): Page<T> {
  const limit = parseLimit(query.limit);
  /** The end of the items before a cursor, and the start of those after it. */
  const around = (name: "after_id" | "before_id", id: string): [number, number] => {
    const position = items.findIndex((item) => item.id === id);
    if (position !== -1) return [position, position + 1];
    const gap = positionOfDeleted(id);
    if (gap === undefined) throw invalidRequest(`${name}: no ${noun} with the id '${id}'`);
    return [gap, gap];
  };
  const from = query.after_id === undefined ? 0 : around("after_id", query.after_id)[1];
  const to = query.before_id === undefined ? items.length : around("before_id", query.before_id)[0];
  // backwards, the page ends directly before the cursor
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

/** 1 to 1000 items per page, 20 by default. Throws `ApiError` 400. */
function parseLimit(limit: string | undefined): number {
  if (limit === undefined) return 20;
  return wholeNumber("limit", limit, 1, 1000);
}

export function wholeNumber(name: string, text: string, minimum: number, maximum: number): number {
  if (!/^-?\d+$/.test(text)) throw invalidRequest(`${name}: Input should be a valid integer`);
  const value = Number(text);
  if (value < minimum) throw invalidRequest(`${name}: Input should be greater than or equal to ${minimum}`);
  if (value > maximum) throw invalidRequest(`${name}: Input should be less than or equal to ${maximum}`);
  return value;
}
