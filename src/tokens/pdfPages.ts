/** Base64 searched at once; a multiple of four, since four characters decode to three bytes. */
const CHUNK_CHARACTERS = 400_000;
/** A page object may reach so far into the next chunk. */
const OVERLAP_CHARACTERS = 40;

const PAGE_OBJECT = /\/Type\s*\/Page(?![a-z])/g;

/**
 * Counts the page objects of a PDF, chunk by chunk. Yields at least one page, since compressed objects are not found.
 */
export function* pdfPages(base64: string): Generator<number> {
  let found = 0;
  for (let at = 0; at < base64.length; at += CHUNK_CHARACTERS) {
    const text = Buffer.from(base64.slice(at, at + CHUNK_CHARACTERS + OVERLAP_CHARACTERS), "base64").toString("latin1");
    // a match in the overlap belongs to the next chunk
    const end = (CHUNK_CHARACTERS / 4) * 3;
    let pages = 0;
    for (const { index } of text.matchAll(PAGE_OBJECT)) if (index < end) pages += 1;
    found += pages;
    yield pages;
  }
  if (found === 0) yield 1;
}
