import type { z } from "zod";

type Issue = z.core.$ZodIssue;

export const EXPECTED_OBJECT = "Input should be a valid dictionary or object to extract fields from";

const EXPECTED_MESSAGES: Record<string, string> = {
  number: "Input should be a valid number",
  string: "Input should be a valid string",
  boolean: "Input should be a valid boolean",
  array: "Input should be a valid list",
  object: EXPECTED_OBJECT,
  record: "Input should be a valid dictionary",
};

/** Formats an issue like the API: `messages.0.content: Field required`. */
export function issueMessage(issue: Issue, input: unknown): string {
  const path = issue.path.map((key) => (typeof key === "symbol" ? key.description : key)).join(".");
  const message = messageFor(issue, valueAt(input, issue.path));
  return path === "" ? message : `${path}: ${message}`;
}

/**
 * Picks the issue to report for a union of a string and a list: that of the list's element, or that it is not a list.
 */
export function unwrapUnion(issue: Issue, input: unknown): Issue {
  if (issue.code !== "invalid_union") return issue;
  const value = valueAt(input, issue.path);
  const inner = Array.isArray(value) ? issue.errors.at(-1)?.[0] : undefined;
  if (!inner) return { code: "invalid_type", expected: "array", path: issue.path, message: "", input: value };
  return unwrapUnion({ ...inner, path: [...issue.path, ...inner.path] }, input);
}

function messageFor(issue: Issue, value: unknown): string {
  if (issue.code !== "invalid_type") return issue.message;
  return value === undefined ? "Field required" : (EXPECTED_MESSAGES[issue.expected] ?? issue.message);
}

function valueAt(input: unknown, path: PropertyKey[]): unknown {
  let value: unknown = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    if (typeof key !== "symbol") value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
