/**
 * Reads JSON that `max_tokens` may have cut off: what is complete of it, with the open lists and objects closed.
 * An answer must not be lost because its last tool input is not whole.
 */
export function parsePartial(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return parseOrEmpty(completePart(json));
  }
}

/** Everything up to the last place where a value had ended or a list or object had just begun. */
function completePart(json: string): string {
  const open: string[] = [];
  let inString = false;
  let end = 0;
  let closing = "";
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
    closing = open.toReversed().join("");
  }
  return json.slice(0, end) + closing;
}

function parseOrEmpty(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
