/** Parses text that need not be JSON; undefined if it is not. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
export function tryParseJson(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
