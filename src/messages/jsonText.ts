/** Characters of a chunk: enough that cut words hardly change the number of tokens. */
const CHUNK_CHARACTERS = 2048;

/** JSON with a blank after `,` and `:`, as schemas are shown to a model, in chunks. */
export function* jsonText(value: unknown): Generator<string> {
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
