/** Most characters the log shows of one string, and of a whole value. */
const MAX_STRING_LENGTH = 2000;
const MAX_TEXT_LENGTH = 100_000;

/** Serializes a value for the log, with long strings cut. */
export function shorten(value: unknown): string {
  return cut(
    JSON.stringify(value, (_key, inner) => (typeof inner === "string" ? cut(inner, MAX_STRING_LENGTH) : inner)),
    MAX_TEXT_LENGTH,
  );
}

/** Keeps the first `length` characters and appends a mark that lets the redactor find a credential cut in two. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}… (${text.length - length} more characters)`;
}

export const CUT_MARK = /… \(\d{1,15} more characters\)/g;
