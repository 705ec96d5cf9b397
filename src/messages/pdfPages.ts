/** Characters of base64 that are searched at once; a multiple of four, so that they decode by themselves. */
const CHUNK = 400_000;
/** Characters that a page's mark may reach into the next chunk. */
const OVERLAP = 40;

const PAGE = /\/Type\s*\/Page(?![a-z])/g;

/** Pages of a PDF by the objects that say they are one, in steps. Compressed ones do not show, hence at least one. */
export function* pdfPages(base64: string): Generator<number> {
  let found = 0;
  for (let at = 0; at < base64.length; at += CHUNK) {
    const text = Buffer.from(base64.slice(at, at + CHUNK + OVERLAP), "base64").toString("latin1");
    // what begins in the overlap belongs to the next chunk
    const end = (CHUNK / 4) * 3;
    let pages = 0;
    for (const { index } of text.matchAll(PAGE)) if (index < end) pages += 1;
    found += pages;
    yield pages;
  }
  if (found === 0) yield 1;
}
