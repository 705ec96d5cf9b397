/**
 * Completes JSON that `max_tokens` has cut off, so that the answer is not lost: keeps its complete values and closes
 * open lists and objects. Undefined if nothing is complete.
 */
export function completeJson(json: string): string | undefined {
  const text = completePrefix(json);
  return isJson(text) ? text : undefined;
}

/** The text up to the end of the last complete value or the start of the last list or object, with brackets closed. */
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
