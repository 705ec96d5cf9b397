import { isObject } from "../../../api/isObject.ts";
import { EncodedJson } from "../../protocol/encodedJson.ts";

/** Limit for the fields read from one object; no body has that many. */
const MAX_FIELDS = 100;

/** The text of a large body as a JSON string. */
export class EncodedText extends EncodedJson {
  /** The body's numbers, since the CLI redacts some in upstream's errors. */
  readonly numbers: Record<string, unknown>;

  constructor(literal: Uint8Array<ArrayBuffer>, numbers: Record<string, unknown>) {
    super(literal);
    this.numbers = numbers;
  }
}

/** The numeric fields of a body and of its objects, without arrays. */
export function numbersOf(body: Record<string, unknown>): Record<string, unknown> {
  const numbers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body).slice(0, MAX_FIELDS)) {
    if (typeof value === "number") numbers[name] = value;
    // the API nests no deeper
    else if (isObject(value)) numbers[name] = numbersWithin(value);
  }
  return numbers;
}

function numbersWithin(value: Record<string, unknown>): object {
  const fields = Object.entries(value).slice(0, MAX_FIELDS);
  return Object.fromEntries(fields.filter(([, inner]) => typeof inner === "number"));
}
