/** A method and a path, with its parameters in braces: `GET /v1/models/{id}`. */
export interface Route {
  method: string;
  path: string;
}

/** Words that base URLs end in, so that a client that adds its own has them twice, or where the API has none. */
const BASE_SEGMENTS = new Set(["v1", "anthropic", "api"]);
/** The words after which `messages` was part of the base URL: of one that is the whole address of the Messages API. */
const AFTER_MESSAGES_BASE = new Set(["v1", "messages"]);

/**
 * Makes what finds the address that is meant by one that a client put together wrongly: with `/v1` left out or doubled,
 * `/anthropic` before it, slashes doubled or at the end. An address of nothing we know stays as it is, and so does
 * everything behind the resource, ids and their encoding included.
 */
export function pathCorrector(routes: readonly Route[], unserved: readonly string[]): (path: string) => string {
  const words = routes.map(({ path }) => segmentsOf(path));
  const roots = new Set(words.flatMap(([first = ""]) => (first === "v1" ? [] : first)));
  const resources = new Set([...words.flatMap(([first, second = ""]) => (first === "v1" ? second : [])), ...unserved]);
  return (path) => {
    const given = segmentsOf(path);
    const most = baseLength(given);
    if (most === given.length) return path === "*" ? path : "/";
    // the more of it is taken for a base URL, the better; yet `/api/hello` is a path of its own
    for (let length = most; length >= 0; length--) {
      const rest = given.slice(length);
      const first = rest[0]?.toLowerCase() ?? "";
      if (roots.has(first)) return `/${rest.join("/")}`;
      if (resources.has(first)) return `/v1/${rest.join("/")}`;
    }
    return path;
  };
}

/**
 * Finds the address that may be meant by one behind words that we do not know, such as those of another server's proxy.
 * Only a client's user can say whether it is.
 */
export function routeWithin(path: string, read: (path: string) => string, isRoute: (path: string) => boolean) {
  return correctedSuffixes(path, read).find((address) => address !== "/" && isRoute(address));
}

/** Every address that the end of a path could be, the longest first. */
export function correctedSuffixes(path: string, read: (path: string) => string): string[] {
  const words = segmentsOf(path);
  return words.slice(1).map((_, at) => read(`/${words.slice(at + 1).join("/")}`));
}

/** Finds the route whose end this is, as `/count_tokens` is that of `/v1/messages/count_tokens`. */
export function routeEndingIn(path: string, routes: readonly Route[], method: string): string | undefined {
  const words = segmentsOf(path).slice(baseLength(segmentsOf(path)));
  const isMeant = (word: string, given = "") => word.startsWith("{") || word === given.toLowerCase();
  const found = routes.find((route) => {
    const end = segmentsOf(route.path).slice(-words.length);
    // an id alone may be anything
    const isNamed = end.length === words.length && !end[0]?.startsWith("{");
    return route.method === method && isNamed && end.every((word, at) => isMeant(word, words[at]));
  });
  return found && `/${[...segmentsOf(found.path).slice(0, -words.length), ...words].join("/")}`;
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((word) => word !== "");
}

/** How many words at the beginning can only be those of a base URL. */
function baseLength(words: readonly string[]): number {
  const isBase = (word: string, next = "") =>
    BASE_SEGMENTS.has(word) || (word === "messages" && AFTER_MESSAGES_BASE.has(next.toLowerCase()));
  const end = words.findIndex((word, at) => !isBase(word.toLowerCase(), words[at + 1]));
  return end === -1 ? words.length : end;
}
