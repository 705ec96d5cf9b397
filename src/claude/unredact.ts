import { fieldsOf } from "../api/events.ts";

/**
 * The CLI takes whatever looks like a secret out of its debug lines, and an API's errors speak of tokens: of
 * `max_tokens: 128000 > 64000` they leave `max_tokens: [REDACTED] > 64000`. Its reports on stdout are whole, but some
 * are reworded. Together they tell what upstream said.
 */
const REDACTED_VALUE = /\[REDACTED(?:-[A-Z]+)?\]/;

export const isRedacted = (text: string): boolean => REDACTED_VALUE.test(text);

/** What the CLI puts around upstream's words in a report. */
const CLI_PREFIX = /^(?:Failed to authenticate\. )?(?:API Error: )?(?:\d{3} |Request rejected \(\d{3}\) · )?/;
const CLI_SUFFIX = /\. This is a server-side issue, usually temporary.*$/s;

/** A report without what the CLI puts around upstream's words, as far as it has them. */
export const withoutCliWording = (report: string): string => report.replace(CLI_PREFIX, "").replace(CLI_SUFFIX, "");

/** The redacted words as they were, where the report or the request has them; else as they are. */
export function unredact(words: string, report: string, request: Record<string, unknown> = {}): string {
  if (!isRedacted(words)) return words;
  const told = withoutCliWording(report);
  const pieces = words.split(REDACTED_VALUE);
  // the full stop at their end may have been taken for the CLI's own
  return (
    [told, `${told}.`].find((whole) => matchesPieces(whole, pieces)) ?? withRequestNumber(pieces, request) ?? words
  );
}

/** `max_tokens: [REDACTED] > 64000`: the number that is too large is the request's. */
function withRequestNumber([path = "", rest, ...more]: string[], request: Record<string, unknown>): string | undefined {
  const [, names] = /^([\w.]{1,100}): $/.exec(path) ?? [];
  if (!names || !rest?.startsWith(" > ") || more.length > 0) return undefined;
  let value: unknown = request;
  for (const name of names.split(".")) value = fieldsOf(value)?.[name];
  return typeof value === "number" ? `${path}${value}${rest}` : undefined;
}

/**
 * Ways to read JSON in which a value is redacted: as it is; with quotes around values that stand bare; and with the
 * quotes closed that went with a value.
 */
export function* parseableReadings(json: string): Generator<string> {
  yield json;
  const quoted = json.replaceAll(/(?<=":)\[REDACTED\]/g, '"[REDACTED]"');
  yield quoted;
  yield quoted.replaceAll(/(?<!")\[REDACTED\](?=\}[,}]|\}$|,"(?:details|type|request_id)")/g, '[REDACTED]"');
}

/** Whether the text is these pieces with anything between them. */
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
