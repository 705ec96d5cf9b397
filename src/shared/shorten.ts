/** Characters of one string, and of all, that the log shows. */
const MAX_STRING_LENGTH = 2000;
const MAX_TEXT_LENGTH = 100_000;

/** A value as JSON for the log, with what is long cut. */
export function shorten(value: unknown): string {
  return cut(
    JSON.stringify(value, (_key, inner) => (typeof inner === "string" ? cut(inner, MAX_STRING_LENGTH) : inner)),
    MAX_TEXT_LENGTH,
  );
}

/** The first `length` characters, with a mark by which the log's redactor finds a credential that was cut in two. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}… (${text.length - length} more characters)`;
}

/** What `cut` puts at the end of a text. */
export const CUT_MARK = /… \(\d{1,15} more characters\)/g;
