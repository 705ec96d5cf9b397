import type { Context } from "koa";
import type { Pool } from "../../claude/pool.ts";
import { findModel, type PageQuery, pageOf, toCatalog } from "../../models/catalog.ts";

/** `GET /v1/models`. */
export function listModels(pool: Pool) {
  return async (context: Context): Promise<void> => {
    context.body = pageOf(await catalogOf(pool), single(context.query));
  };
}

/** `GET /v1/models/{id}`. */
export function retrieveModel(pool: Pool, modelMap: Record<string, string>) {
  return async (context: Context & { params: { id: string } }): Promise<void> => {
    context.body = findModel(await catalogOf(pool), context.params.id, modelMap);
  };
}

async function catalogOf(pool: Pool) {
  return toCatalog((await pool.describe()).models);
}

/** A parameter given twice counts once, with its last value. */
function single(query: Context["query"]): PageQuery {
  const last = (value: string | string[] | undefined) => (Array.isArray(value) ? value.at(-1) : value);
  return { limit: last(query.limit), after_id: last(query.after_id), before_id: last(query.before_id) };
}
