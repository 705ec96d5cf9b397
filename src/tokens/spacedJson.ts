/** Large enough that words cut at the seams hardly change the token count. */
const CHUNK_CHARACTERS = 2048;

/** Yields JSON with a space after `,` and `:`, the form in which models see schemas, in chunks. */
export function* spacedJson(value: unknown): Generator<string> {
  let chunk = "";
  for (const token of jsonTokens(value)) {
    chunk += token;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

function* jsonTokens(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return yield JSON.stringify(value) ?? "null";
  const isArray = Array.isArray(value);
  let separator = isArray ? "[" : "{";
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    if (item === undefined) continue;
    yield isArray ? separator : `${separator}${JSON.stringify(key)}: `;
    yield* jsonTokens(item);
    separator = ", ";
  }
  yield separator === ", " ? (isArray ? "]" : "}") : isArray ? "[]" : "{}";
}
