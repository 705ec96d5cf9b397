import { fieldsOf } from "../../api/events.ts";

/**
 * The CLI redacts secrets in its debug lines, and takes numbers after "token" for secrets: `max_tokens: 128000 > 64000`
 * becomes `max_tokens: [REDACTED] > 64000`. Its messages on stdout are not redacted, but reworded. Both together
 * restore upstream's.
 */
const REDACTED_VALUE = /\[REDACTED(?:-[A-Z]+)?\]/;

export const isRedacted = (text: string): boolean => REDACTED_VALUE.test(text);

const CLI_PREFIX = /^(?:Failed to authenticate\. )?(?:API Error: )?(?:\d{3} |Request rejected \(\d{3}\) · )?/;
const CLI_SUFFIX = /\. This is a server-side issue, usually temporary.*$/s;

export const withoutCliWording = (report: string): string => report.replace(CLI_PREFIX, "").replace(CLI_SUFFIX, "");

/** Restores redacted values that the report or the request has. */
export function unredact(text: string, report: string, request: Record<string, unknown> = {}): string {
  if (!isRedacted(text)) return text;
  const unwrapped = withoutCliWording(report);
  const pieces = text.split(REDACTED_VALUE);
  // the final full stop may have been removed with the CLI's text
  return (
    [unwrapped, `${unwrapped}.`].find((whole) => matchesPieces(whole, pieces)) ??
    withRequestNumber(pieces, request) ??
    text
  );
}

/** `max_tokens: [REDACTED] > 64000`: the number that is too large is in the request. */
function withRequestNumber([path = "", rest, ...more]: string[], request: Record<string, unknown>): string | undefined {
  const [, names] = /^([\w.]{1,100}): $/.exec(path) ?? [];
  if (!names || !rest?.startsWith(" > ") || more.length > 0) return undefined;
  let value: unknown = request;
  for (const name of names.split(".")) value = fieldsOf(value)?.[name];
  return typeof value === "number" ? `${path}${value}${rest}` : undefined;
}

/**
 * Variants of JSON with redacted values: unchanged, with quotes around bare values, and with quotes closed that a value
 * took with it.
 */
export function* parseableReadings(json: string): Generator<string> {
  yield json;
  const quoted = json.replaceAll(/(?<=":)\[REDACTED\]/g, '"[REDACTED]"');
  yield quoted;
  yield quoted.replaceAll(/(?<!")\[REDACTED\](?=\}[,}]|\}$|,"(?:details|type|request_id)")/g, '[REDACTED]"');
}

/** Whether the text consists of these pieces with anything in between. */
function matchesPieces(text: string, [first = "", ...rest]: string[]): boolean {
  const last = rest.pop() ?? "";
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return text.startsWith(first) && text.endsWith(last) && at + last.length <= text.length;
}
