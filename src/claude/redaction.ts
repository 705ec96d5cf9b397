/**
 * The CLI takes whatever looks like a secret out of its debug lines, and an API's errors speak of tokens: of
 * `max_tokens: 128000 > 64000` they leave `max_tokens: [REDACTED] > 64000`. Its reports on stdout are whole, but some
 * are reworded. Together they tell what upstream said.
 */
const REDACTED = /\[REDACTED(?:-[A-Z]+)?\]/;

export const isRedacted = (text: string): boolean => REDACTED.test(text);

/** What the CLI puts around upstream's words in a report. */
const BEFORE = /^(?:Failed to authenticate\. )?(?:API Error: )?(?:\d{3} |Request rejected \(\d{3}\) · )?/;
const BEHIND = /\. This is a server-side issue, usually temporary.*$/s;

/** A report without what the CLI puts around upstream's words, as far as it has them. */
export const wordsOf = (report: string): string => report.replace(BEFORE, "").replace(BEHIND, "");

/** The redacted words as they were, where the report has them; else as they are. */
export function restored(words: string, report: string): string {
  if (!isRedacted(words)) return words;
  const told = wordsOf(report);
  // the full stop at their end may have been taken for the CLI's own
  return [told, `${told}.`].find((whole) => fits(whole, words.split(REDACTED))) ?? words;
}

/**
 * Ways to read JSON in which a value is redacted: as it is; with quotes around values that stand bare; and with the
 * quotes closed that went with a value.
 */
export function* readings(json: string): Generator<string> {
  yield json;
  const quoted = json.replaceAll(/(?<=":)\[REDACTED\]/g, '"[REDACTED]"');
  yield quoted;
  yield quoted.replaceAll(/(?<!")\[REDACTED\](?=\}[,}]|\}$|,"(?:details|type|request_id)")/g, '[REDACTED]"');
}

/** Whether the text is these pieces with anything between them. */
function fits(text: string, [first = "", ...rest]: string[]): boolean {
  const last = rest.pop() ?? "";
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return text.startsWith(first) && text.endsWith(last) && at + last.length <= text.length;
}
