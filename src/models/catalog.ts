import { modelNotFound } from "../api/errors.ts";
import type { CliModel } from "../claude/worker.ts";

/** A model as `GET /v1/models` tells of it (contract: "Models"). */
export interface ModelInfo {
  type: "model";
  id: string;
  display_name: string;
  /** RFC 3339; the epoch, as the API documents for a release date that is not known. */
  created_at: string;
  max_input_tokens: number | null;
  max_tokens: number | null;
  capabilities: null;
}

/** The CLI's live list in the API's shape: the ids it resolves to, then its aliases, each once. */
export function toCatalog(models: readonly CliModel[]): ModelInfo[] {
  const named = models.filter((model) => model.value !== "default");
  const resolved = named.map((model) => model.resolvedModel ?? model.value);
  const catalog = new Map<string, ModelInfo>();
  for (const [index, id] of [...resolved, ...named.map((model) => model.value)].entries()) {
    const { displayName } = named[index % named.length] as CliModel;
    if (!catalog.has(id)) catalog.set(id, modelInfo(id, displayName ?? id));
  }
  return [...catalog.values()];
}

/** One model of the catalog; a name of the model map stands for what it is mapped to. Throws `ApiError` 404. */
export function findModel(catalog: readonly ModelInfo[], id: string, modelMap: Record<string, string>): ModelInfo {
  const target = Object.hasOwn(modelMap, id) ? modelMap[id] : id;
  const found = catalog.find((model) => model.id === target);
  if (!found) throw modelNotFound(id);
  return { ...found, id };
}

function modelInfo(id: string, displayName: string): ModelInfo {
  return {
    type: "model",
    id,
    display_name: displayName,
    created_at: "1970-01-01T00:00:00Z",
    max_input_tokens: null,
    max_tokens: null,
    capabilities: null,
  };
}
