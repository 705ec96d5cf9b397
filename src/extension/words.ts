/** What went wrong, in the API's own words where they are known: the SDK's message quotes the whole answer. */
export function wordsOf(error: Error): string {
  return "apiMessage" in error && typeof error.apiMessage === "string" ? error.apiMessage : error.message;
}
