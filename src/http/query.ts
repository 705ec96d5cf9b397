import type { ParsedUrlQuery } from "node:querystring";

export function lastValues(query: ParsedUrlQuery): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value.at(-1) : value]),
  );
}

/** Parses a list as SDKs write it, `ids[]=a&ids[]=b`, or `ids=…`. Empty if the query has none. */
export function listValues(query: ParsedUrlQuery, name: string): string[] {
  return [query[`${name}[]`] ?? [], query[name] ?? []].flat();
}
