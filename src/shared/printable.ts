/** Control characters, C1 included, invisible and bidirectional marks, line separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Makes untrusted text safe to show on one line of a log, terminal or message. Escapes whatever could move the cursor
 * or forge a line, and keeps at most `limit` characters.
 */
export function printable(text: string, limit = 200): string {
  const kept = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return kept.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
