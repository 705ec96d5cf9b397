import { invalidRequest } from "./errors.ts";

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

/**
 * One page of a list; `noun` names an item in the words for an unknown cursor. Throws `ApiError` 400 for a limit or
 * cursor that is none.
 */
export function pageOf<T extends { id: string }>(items: readonly T[], query: PageQuery, noun: string): Page<T> {
  const limit = parseLimit(query.limit);
  const positionOf = (name: "after_id" | "before_id", id: string) => {
    const position = items.findIndex((item) => item.id === id);
    if (position === -1) throw invalidRequest(`${name}: no ${noun} with the id '${id}'`);
    return position;
  };
  let from = 0;
  let to = items.length;
  if (query.after_id !== undefined) from = positionOf("after_id", query.after_id) + 1;
  if (query.before_id !== undefined) to = positionOf("before_id", query.before_id);
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
