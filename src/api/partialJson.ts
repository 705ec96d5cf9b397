/**
 * Completes JSON that `max_tokens` may have cut off: keeps what is whole of it, and closes the open lists and objects.
 * An answer must not be lost because its last tool input is not whole. Undefined if there is nothing to complete.
 */
export function completeJson(json: string): string | undefined {
  const text = completePrefix(json);
  return isJson(text) ? text : undefined;
}

/** Everything up to the last place where a value had ended or a list or object had just begun. */
function completePrefix(json: string): string {
  const open: string[] = [];
  let inString = false;
  let end = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json[at] as string;
    if (inString) {
      if (char === "\\") at += 1;
      else if (char === '"') inString = false;
      continue;
    }
    if (char === '"') inString = true;
    else if (char === "{") open.push("}");
    else if (char === "[") open.push("]");
    else if (char === "}" || char === "]") open.pop();
    else if (char !== ",") continue;
    if (inString) continue;
    end = char === "," ? at : at + 1;
  }
  return json.slice(0, end) + open.reverse().join("");
}

function isJson(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
