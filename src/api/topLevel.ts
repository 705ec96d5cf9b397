/** A top-level field in the text of a JSON object, by positions in that text. */
export interface Field {
  name: string;
  /** Where the field begins, with its name. */
  start: number;
  /** Where its value begins, and where that has ended. */
  from: number;
  to: number;
}

/** All that opens, closes or hides brackets. */
const STRUCTURE = /["{}[\]]/g;
const END_OF_STRING = /["\\]/g;
/** The end of a number or a literal. */
const END_OF_SCALAR = /[,}\s]/g;
const NO_BLANK = /[^ \t\r\n]/g;

/** Lists the top-level fields of the text in their order. The text must be the JSON of an object. */
export function topLevelFields(text: string): Field[] {
  const fields: Field[] = [];
  let at = next(text, NO_BLANK, text.indexOf("{") + 1);
  while (text[at] === '"') {
    const start = at;
    const nameEnd = endOfString(text, start);
    const from = next(text, NO_BLANK, next(text, NO_BLANK, nameEnd) + 1);
    const to = endOfValue(text, from);
    fields.push({ name: JSON.parse(text.slice(start, nameEnd)), start, from, to });
    at = next(text, NO_BLANK, to);
    if (text[at] === ",") at = next(text, NO_BLANK, at + 1);
  }
  return fields;
}

/** The text with another value of this field; of one that stands twice the last is meant. */
export function withField(text: string, name: string, json: string): string {
  const field = topLevelFields(text).findLast((each) => each.name === name);
  if (!field) throw new Error(`The text has no field '${name}'.`);
  return text.slice(0, field.from) + json + text.slice(field.to);
}

function endOfValue(text: string, from: number): number {
  switch (text[from]) {
    case '"':
      return endOfString(text, from);
    case "{":
    case "[":
      return endOfBrackets(text, from);
    default:
      return next(text, END_OF_SCALAR, from);
  }
}

function endOfBrackets(text: string, from: number): number {
  for (let at = from, depth = 0; ; at++) {
    at = next(text, STRUCTURE, at);
    const character = text[at];
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === "{" || character === "[") depth += 1;
    else depth -= 1;
    if (depth === 0 || at >= text.length) return at + 1;
  }
}

/** Position after the closing quote. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; ; at += 2) {
    at = next(text, END_OF_STRING, at);
    if (text[at] !== "\\") return at + 1;
  }
}

/** Position of the next match, or the end of the text. */
function next(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}
