import { invalidRequest, modelNotFound } from "../api/errors.ts";
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

export interface ModelPage {
  data: ModelInfo[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

export interface PageQuery {
  limit?: string | undefined;
  after_id?: string | undefined;
  before_id?: string | undefined;
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

/** One page of the catalog. Throws `ApiError` 400 for a limit or cursor that is none. */
export function pageOf(catalog: readonly ModelInfo[], query: PageQuery): ModelPage {
  const limit = parseLimit(query.limit);
  let from = 0;
  let to = catalog.length;
  if (query.after_id !== undefined) from = positionOf(catalog, "after_id", query.after_id) + 1;
  if (query.before_id !== undefined) to = positionOf(catalog, "before_id", query.before_id);
  // going backwards, a page is the one that lies directly before the cursor
  const backwards = query.before_id !== undefined && query.after_id === undefined;
  const start = backwards ? Math.max(from, to - limit) : from;
  const data = catalog.slice(start, Math.min(to, start + limit));
  return {
    data,
    has_more: backwards ? start > from : start + limit < to,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

function parseLimit(limit: string | undefined): number {
  if (limit === undefined) return 20;
  if (!/^-?\d+$/.test(limit)) throw invalidRequest("limit: Input should be a valid integer");
  const value = Number(limit);
  if (value < 1) throw invalidRequest("limit: Input should be greater than or equal to 1");
  if (value > 1000) throw invalidRequest("limit: Input should be less than or equal to 1000");
  return value;
}

function positionOf(catalog: readonly ModelInfo[], name: string, id: string): number {
  const position = catalog.findIndex((model) => model.id === id);
  if (position === -1) throw invalidRequest(`${name}: no model with the id '${id}'`);
  return position;
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
