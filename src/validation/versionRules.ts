import { type Block, blocksOf } from "../api/blocks.ts";
import { invalidRequest } from "../api/errors.ts";

export const API_VERSIONS = ["2023-01-01", "2023-06-01", "2026-10-21"] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];

const SAMPLING = ["temperature", "top_p", "top_k"];

/** Throws `ApiError` 400 for parameters that the version dropped. */
export function rejectDroppedFields(body: Record<string, unknown>, version: ApiVersion): void {
  if (version !== "2026-10-21") return;
  for (const field of SAMPLING) {
    if (field in body) throw invalidRequest(`${field}: Extra inputs are not permitted`);
  }
}

/**
 * Throws `ApiError` 400 for content that the version dropped (docs: "Migrating to API version 2026-10-21"). Upstream
 * cannot check this, because the CLI sends its own version.
 */
export function rejectDroppedContent(messages: { role?: unknown; content?: unknown }[], version: ApiVersion): void {
  if (version !== "2026-10-21") return;
  messages.forEach(({ role, content }, index) => {
    blocksOf(content).forEach((block, at) => {
      const path = `messages.${index}.content.${at}`;
      if (role === "assistant" && block?.type === "document") {
        throw invalidRequest(`${path}: document blocks are not permitted in assistant messages`);
      }
      if (role === "user") rejectCitations(block, path);
    });
  });
}

function rejectCitations(block: Block | null, path: string): void {
  if (block?.type === "text" && Array.isArray(block.citations) && block.citations.length > 0) {
    throw invalidRequest(`${path}.text.citations: Extra inputs are not permitted`);
  }
  if (block?.type !== "search_result") return;
  blocksOf(block.content).forEach((inner, at) => {
    rejectCitations(inner, `${path}.search_result.content.${at}`);
  });
}
