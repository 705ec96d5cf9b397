/** The API takes four cache marks in all: on tools, system blocks, message blocks and the request itself. */
export const MAX_CACHE_BREAKPOINTS = 4;

interface Marked {
  cache_control?: unknown;
  system?: unknown;
  tools?: unknown;
  messages?: unknown;
}

export function countBreakpoints(request: Marked): number {
  return breakpointsOutsideSystem(request) + countIn(request.system);
}

export function breakpointsOutsideSystem(request: Marked): number {
  return (request.cache_control ? 1 : 0) + countIn(request.tools) + countIn(request.messages);
}

/** How long the last mark on the system prompt asks to keep it; undefined where there is none. */
export function systemCacheTtl({ system }: Marked): "5m" | "1h" | undefined {
  const last = Array.isArray(system) ? system.findLast((block) => block?.cache_control) : undefined;
  return last && (last.cache_control.ttl === "1h" ? "1h" : "5m");
}

/** Marks of a list of blocks or messages, and of the blocks inside them; data that a client only quotes is no block. */
function countIn(list: unknown): number {
  if (!Array.isArray(list)) return 0;
  let marks = 0;
  for (const item of list) {
    if (typeof item !== "object" || item === null) continue;
    if (item.cache_control) marks += 1;
    marks += countIn(item.content) + countIn(item.source?.content);
  }
  return marks;
}
