import type { ParsedUrlQuery } from "node:querystring";
import Router from "@koa/router";
import { invalidRequest } from "../../api/errors.ts";
import { pageOf } from "../../api/paging.ts";
import { findModel, type Lifecycle, type ModelInfo, retiredModels, toCatalog } from "../../models/catalog.ts";
import type { ModelList } from "../../models/modelList.ts";
import type { ApiState, WithId } from "../apiState.ts";
import { lastValues, listValues } from "../query.ts";

const LIFECYCLES: readonly string[] = ["active", "deprecated", "retired"] satisfies Lifecycle[];
const DEFAULT_LIFECYCLES: readonly string[] = ["active", "deprecated"] satisfies Lifecycle[];

export function modelRoutes(
  { models: list }: { models: ModelList },
  { modelMap }: { modelMap: Record<string, string> },
): Router<ApiState> {
  const router = new Router<ApiState>({ prefix: "/v1/models" });

  router.get("/", async (context) => {
    const wanted = lifecyclesOf(context.query);
    const models: ModelInfo[] = [...toCatalog(await list.current()), ...retiredModels()];
    const chosen = models.filter(({ lifecycle }, at) => wanted.includes(lifecycle) && isFirst(models, at));
    context.body = pageOf(chosen, lastValues(context.query), "model");
  });

  router.get<unknown, WithId>("/:id", async (context) => {
    const { wasAnswered } = list;
    context.body = findModel(await list.current(), context.params.id, { modelMap, wasAnswered });
  });

  return router;
}

/** Throws `ApiError` 400. */
function lifecyclesOf(query: ParsedUrlQuery): readonly string[] {
  const given = listValues(query, "lifecycle");
  for (const [at, stage] of given.entries()) {
    if (!LIFECYCLES.includes(stage))
      throw invalidRequest(`lifecycle.${at}: Input should be 'active', 'deprecated' or 'retired'`);
  }
  return given.length > 0 ? given : DEFAULT_LIFECYCLES;
}

function isFirst(models: readonly ModelInfo[], at: number): boolean {
  return models.findIndex(({ id }) => id === models[at]?.id) === at;
}
