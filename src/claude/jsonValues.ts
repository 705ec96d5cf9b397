/** Bytes looked at before the event loop turns. */
const SLICE = 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** Whether JSON holds at most so many values, seen without parsing it and without keeping the event loop. */
export async function hasFewValues(json: Buffer, most: number): Promise<boolean> {
  const scan = { values: 0, inString: false, from: 0 };
  while (scan.from < json.length) {
    countInto(scan, json, Math.min(scan.from + SLICE, json.length));
    if (scan.values > most) return false;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return true;
}

function countInto(scan: { values: number; inString: boolean; from: number }, json: Buffer, to: number): void {
  let { values, inString, from } = scan;
  while (from < to) {
    const byte = json[from] as number;
    if (inString && byte === BACKSLASH) from += 1;
    else if (byte === QUOTE) inString = !inString;
    // each comes before a value
    else if (!inString && (byte === COMMA || byte === BRACKET || byte === BRACE)) values += 1;
    from += 1;
  }
  Object.assign(scan, { values, inString, from });
}
