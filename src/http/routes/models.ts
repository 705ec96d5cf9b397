import type { Context } from "koa";
import { pageOf } from "../../api/paging.ts";
import type { Pool } from "../../claude/pool.ts";
import { findModel, toCatalog } from "../../models/catalog.ts";
import { single } from "../query.ts";

/** `GET /v1/models`. */
export function listModels(pool: Pool) {
  return async (context: Context): Promise<void> => {
    context.body = pageOf(await catalogOf(pool), single(context.query), "model");
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
