import { isObject } from "./isObject.ts";

/** A top-level field of a JSON object, by positions in its text. */
export interface Field {
  name: string;
  start: number;
  from: number;
  to: number;
}

/** Brackets, and the quotes that may hide them. */
const STRUCTURE = /["{}[\]]/g;
const END_OF_STRING = /["\\]/g;
const END_OF_SCALAR = /[,\]}\s]/g;
const NO_BLANK = /[^ \t\r\n]/g;

/** Lists the top-level fields in order. The text must be a JSON object. */
export function topLevelFields(text: string): Field[] {
  return fieldsAt(text, text.indexOf("{"));
}

/** Rewrites the text of `before` into that of `after`. Values that are identical keep their text. */
export function spliceJson(text: string, before: object, after: object): string {
  const pieces: string[] = [];
  let copied = 0;
  const replace = (from: number, to: number, json: string) => {
    pieces.push(text.slice(copied, from), json);
    copied = to;
  };
  const walk = (from: number, to: number, old: unknown, now: unknown) => {
    if (old === now) return;
    if (Array.isArray(old) && Array.isArray(now) && old.length === now.length) {
      for (const [index, element] of elementsAt(text, from).entries()) {
        walk(element.from, element.to, old[index], now[index]);
      }
    } else if (isObject(old) && isObject(now) && Object.keys(old).join() === Object.keys(now).join()) {
      for (const field of lastOfEach(fieldsAt(text, from)))
        walk(field.from, field.to, old[field.name], now[field.name]);
    } else {
      replace(from, to, JSON.stringify(now));
    }
  };
  walk(text.indexOf("{"), text.length, before, after);
  return pieces.join("") + text.slice(copied);
}

/** Keeps the last of repeated fields, like `JSON.parse`. */
export function lastOfEach(fields: readonly Field[]): Field[] {
  const last = new Map(fields.map((field) => [field.name, field]));
  return fields.filter((field) => last.get(field.name) === field);
}

function fieldsAt(text: string, opening: number): Field[] {
  const fields: Field[] = [];
  for (let at = next(text, NO_BLANK, opening + 1); text[at] === '"'; ) {
    const start = at;
    const nameEnd = endOfString(text, start);
    const from = next(text, NO_BLANK, next(text, NO_BLANK, nameEnd) + 1);
    const to = endOfValue(text, from);
    fields.push({ name: JSON.parse(text.slice(start, nameEnd)), start, from, to });
    at = afterComma(text, to);
  }
  return fields;
}

export function elementsAt(text: string, opening: number): Pick<Field, "from" | "to">[] {
  const elements: Pick<Field, "from" | "to">[] = [];
  for (let from = next(text, NO_BLANK, opening + 1); from < text.length && text[from] !== "]"; ) {
    const to = endOfValue(text, from);
    elements.push({ from, to });
    from = afterComma(text, to);
  }
  return elements;
}

function afterComma(text: string, end: number): number {
  const at = next(text, NO_BLANK, end);
  return text[at] === "," ? next(text, NO_BLANK, at + 1) : at;
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

function endOfString(text: string, from: number): number {
  for (let at = from + 1; ; at += 2) {
    at = next(text, END_OF_STRING, at);
    if (text[at] !== "\\") return at + 1;
  }
}

function next(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}
