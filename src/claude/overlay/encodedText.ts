import { isObject } from "../../api/isObject.ts";
import { EncodedJson } from "../encodedJson.ts";

/** Fields of one object that are looked at: more than any body has. */
const MAX_FIELDS = 100;

/** The JSON string of a large body's text. */
export class EncodedText extends EncodedJson {
  /** The numbers of the body that the text holds: the CLI takes some out of upstream's errors. */
  readonly numbers: Record<string, unknown>;

  constructor(literal: Uint8Array<ArrayBuffer>, numbers: Record<string, unknown>) {
    super(literal);
    this.numbers = numbers;
  }
}

/** The numeric fields of a body and of its objects. Leaves out lists. */
export function numbersOf(body: Record<string, unknown>): Record<string, unknown> {
  const numbers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body).slice(0, MAX_FIELDS)) {
    if (typeof value === "number") numbers[name] = value;
    // the API has none deeper than one level
    else if (isObject(value)) numbers[name] = numbersWithin(value);
  }
  return numbers;
}

function numbersWithin(value: Record<string, unknown>): object {
  const fields = Object.entries(value).slice(0, MAX_FIELDS);
  return Object.fromEntries(fields.filter(([, inner]) => typeof inner === "number"));
}
