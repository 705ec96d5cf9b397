/** A method and a path with parameters in braces: `GET /v1/models/{id}`. */
export interface Route {
  method: string;
  path: string;
}

/** Segments that base URLs end in, so that clients send them twice, or where the API has none. */
const BASE_SEGMENTS = new Set(["v1", "anthropic", "api"]);
/** Segments after a `messages` that belongs to the base URL: the user configured the whole URL of the Messages API. */
const AFTER_MESSAGES_BASE = new Set(["v1", "messages"]);

/**
 * Returns a function that corrects paths of misconfigured clients: `/v1` missing or repeated, `/anthropic` in front,
 * repeated or trailing slashes. Keeps unknown paths, and everything after the resource.
 */
export function pathCorrector(routes: readonly Route[], unserved: readonly string[]): (path: string) => string {
  const known = routes.map(({ path }) => segmentsOf(path));
  const roots = new Set(known.flatMap(([first = ""]) => (first === "v1" ? [] : first)));
  const resources = new Set([...known.flatMap(([first, second = ""]) => (first === "v1" ? second : [])), ...unserved]);
  return (path) => {
    const segments = segmentsOf(path);
    const longestBase = baseLength(segments);
    if (longestBase === segments.length) return path === "*" ? path : "/";
    // try the longest base first, but `/api/hello` is a route although `api` may be a base
    for (let length = longestBase; length >= 0; length--) {
      const rest = segments.slice(length);
      const first = rest[0]?.toLowerCase() ?? "";
      if (roots.has(first)) return `/${rest.join("/")}`;
      if (resources.has(first)) return `/v1/${rest.join("/")}`;
    }
    return path;
  };
}

/** Finds a route after unknown leading segments, such as a proxy's. Suggest it only: the client may mean another. */
export function routeWithin(path: string, read: (path: string) => string, isRoute: (path: string) => boolean) {
  return correctedSuffixes(path, read).find((address) => address !== "/" && isRoute(address));
}

/** Returns every suffix of a path, corrected, longest first. */
export function correctedSuffixes(path: string, read: (path: string) => string): string[] {
  const segments = segmentsOf(path);
  return segments.slice(1).map((_, at) => read(`/${segments.slice(at + 1).join("/")}`));
}

/** Finds the route that ends in this path: `/v1/messages/count_tokens` for `/count_tokens`. */
export function routeEndingIn(path: string, routes: readonly Route[], method: string): string | undefined {
  const segments = segmentsOf(path).slice(baseLength(segmentsOf(path)));
  const matches = (segment: string, given = "") => segment.startsWith("{") || segment === given.toLowerCase();
  const found = routes.find((route) => {
    const end = segmentsOf(route.path).slice(-segments.length);
    // an id matches anything
    const isNamed = end.length === segments.length && !end[0]?.startsWith("{");
    return route.method === method && isNamed && end.every((segment, at) => matches(segment, segments[at]));
  });
  return found && `/${[...segmentsOf(found.path).slice(0, -segments.length), ...segments].join("/")}`;
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/** Returns how many leading segments may belong to a base URL. */
function baseLength(segments: readonly string[]): number {
  const isBase = (segment: string, next = "") =>
    BASE_SEGMENTS.has(segment) || (segment === "messages" && AFTER_MESSAGES_BASE.has(next.toLowerCase()));
  const end = segments.findIndex((segment, at) => !isBase(segment.toLowerCase(), segments[at + 1]));
  return end === -1 ? segments.length : end;
}
