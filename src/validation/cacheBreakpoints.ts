import { walkBlocks } from "../api/blocks.ts";

/** In all: on tools, system blocks, message blocks and the request. */
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

export function systemCacheTtl({ system }: Marked): "5m" | "1h" | undefined {
  const last = Array.isArray(system) ? system.findLast((block) => block?.cache_control) : undefined;
  return last && (last.cache_control.ttl === "1h" ? "1h" : "5m");
}

/** For tools, blocks or messages. */
function countIn(list: unknown): number {
  let marks = 0;
  for (const { cache_control } of walkBlocks(list)) if (cache_control) marks += 1;
  return marks;
}
