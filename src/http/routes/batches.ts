import Router from "@koa/router";
import type { Context } from "koa";
import { pageOfCreated } from "../../api/paging.ts";
import type { Batches } from "../../batches/batches.ts";
import { type BatchRecord, toMessageBatch } from "../../batches/record.ts";
import type { ApiState, WithId } from "../apiState.ts";
import { jsonBytes } from "../byteStream.ts";
import { baseUrlOf } from "../middleware/unserved.ts";
import { lastValues } from "../query.ts";
import { closedSignal } from "../requestSignal.ts";

/** Most megabytes in the body of a new batch (docs: "Request size limits"). */
const BATCH_LIMIT_MB = 256;

export function batchRoutes({ batches }: { batches: Batches }): Router<ApiState> {
  const router = new Router<ApiState>({ prefix: "/v1/messages/batches" });

  router.post("/", async (context) => {
    const { apiVersion, betas } = context.state;
    const body = { bytes: jsonBytes(context, BATCH_LIMIT_MB), signal: closedSignal(context) };
    const record = await batches.create(body, apiVersion, betas);
    context.body = toResponse(record, context);
  });

  router.get("/", async (context) => {
    const page = pageOfCreated(await batches.list(), lastValues(context.query), "message batch", "msgbatch");
    context.body = { ...page, data: page.data.map((record) => toResponse(record, context)) };
  });

  router.get<unknown, WithId>("/:id", async (context) => {
    context.body = toResponse(await batches.get(context.params.id), context);
  });

  router.delete<unknown, WithId>("/:id", async (context) => {
    const { id } = context.params;
    await batches.remove(id);
    context.body = { id, type: "message_batch_deleted" };
  });

  router.get<unknown, WithId>("/:id/results", async (context) => {
    const results = await batches.results(context.params.id);
    context.type = "application/x-jsonl";
    // the status is already sent, so only a broken connection shows the client that results are missing
    results.once("error", (error) => context.res.destroy(error));
    context.body = results;
  });

  router.post<unknown, WithId>("/:id/cancel", async (context) => {
    context.body = toResponse(await batches.cancel(context.params.id), context);
  });

  return router;
}

function toResponse(record: BatchRecord, context: Pick<Context, "host">) {
  return toMessageBatch(record, baseUrlOf(context));
}
