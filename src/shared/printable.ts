/** Control characters, C1 included, invisible and bidirectional marks, line separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Text from outside, safe for one line of a log or a terminal and for quoting in a message: what could move the cursor
 * or forge a line is escaped, and at most `limit` characters are kept.
 */
export function printable(text: string, limit = 200): string {
  const kept = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return kept.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
