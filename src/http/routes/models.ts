import type { Context } from "koa";
import { invalidRequest } from "../../api/errors.ts";
import { pageOf } from "../../api/paging.ts";
import { findModel, type Lifecycle, type ModelInfo, retiredModels, toCatalog } from "../../models/catalog.ts";
import type { ModelList } from "../../models/modelList.ts";
import { lastValues } from "../query.ts";

const LIFECYCLES: readonly string[] = ["active", "deprecated", "retired"] satisfies Lifecycle[];
const DEFAULT_LIFECYCLES: readonly string[] = ["active", "deprecated"] satisfies Lifecycle[];

/** `GET /v1/models`. */
export function listModels(list: ModelList) {
  return async (context: Context): Promise<void> => {
    const wanted = lifecyclesOf(context.query);
    const models: ModelInfo[] = [...toCatalog(await list.current()), ...retiredModels()];
    const chosen = models.filter(({ lifecycle }, at) => wanted.includes(lifecycle) && isFirst(models, at));
    context.body = pageOf(chosen, lastValues(context.query), "model");
  };
}

/** `GET /v1/models/{id}`. */
export function retrieveModel(list: ModelList, modelMap: Record<string, string>) {
  return async (context: Context & { params: { id: string } }): Promise<void> => {
    const { wasAnswered } = list;
    context.body = findModel(await list.current(), context.params.id, { modelMap, wasAnswered });
  };
}

/** Parses `lifecycle[]=active&lifecycle[]=retired`, as SDKs write lists, or `lifecycle=…`. Throws `ApiError` 400. */
function lifecyclesOf(query: Context["query"]): readonly string[] {
  const given = [query["lifecycle[]"] ?? [], query.lifecycle ?? []].flat();
  for (const [at, stage] of given.entries()) {
    if (!LIFECYCLES.includes(stage))
      throw invalidRequest(`lifecycle.${at}: Input should be 'active', 'deprecated' or 'retired'`);
  }
  return given.length > 0 ? given : DEFAULT_LIFECYCLES;
}

function isFirst(models: readonly ModelInfo[], at: number): boolean {
  return models.findIndex(({ id }) => id === models[at]?.id) === at;
}
