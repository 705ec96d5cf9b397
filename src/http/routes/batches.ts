import type { Context } from "koa";
import { pageOfCreated } from "../../api/paging.ts";
import type { Batches } from "../../batches/batches.ts";
import { type BatchRecord, toMessageBatch } from "../../batches/record.ts";
import { jsonBytes } from "../byteStream.ts";
import type { ApiState } from "../middleware/apiVersion.ts";
import { lastValues } from "../query.ts";
import type { RequestLog } from "../requestLog.ts";

type WithId = Context & { params: { id: string } };

/** Most megabytes in the body of a new batch (docs: "Request size limits"). */
const BATCH_LIMIT_MB = 256;

/** `POST /v1/messages/batches`. */
export function createBatch(batches: Batches) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, betas, requestLog } = context.state as ApiState & { requestLog: RequestLog };
    const disconnected = new AbortController();
    void requestLog.closed.then(() => disconnected.abort());
    const body = { bytes: jsonBytes(context, BATCH_LIMIT_MB), signal: disconnected.signal };
    const record = await batches.create(body, apiVersion, betas);
    context.body = toResponse(record, context);
  };
}

/** `GET /v1/messages/batches`. */
export function listBatches(batches: Batches) {
  return async (context: Context): Promise<void> => {
    const page = pageOfCreated(await batches.list(), lastValues(context.query), "message batch", "msgbatch");
    context.body = { ...page, data: page.data.map((record) => toResponse(record, context)) };
  };
}

/** `GET /v1/messages/batches/{id}`. */
export function retrieveBatch(batches: Batches) {
  return async (context: WithId): Promise<void> => {
    context.body = toResponse(await batches.get(context.params.id), context);
  };
}

/** `GET /v1/messages/batches/{id}/results`. */
export function batchResults(batches: Batches) {
  return async (context: WithId): Promise<void> => {
    const results = await batches.results(context.params.id);
    context.type = "application/x-jsonl";
    // the status is already sent, so only a broken connection shows the client that results are missing
    results.once("error", (error) => context.res.destroy(error));
    context.body = results;
  };
}

/** `POST /v1/messages/batches/{id}/cancel`. */
export function cancelBatch(batches: Batches) {
  return async (context: WithId): Promise<void> => {
    context.body = toResponse(await batches.cancel(context.params.id), context);
  };
}

/** `DELETE /v1/messages/batches/{id}`. */
export function deleteBatch(batches: Batches) {
  return async (context: WithId): Promise<void> => {
    const { id } = context.params;
    await batches.remove(id);
    context.body = { id, type: "message_batch_deleted" };
  };
}

function toResponse(record: BatchRecord, context: Context) {
  return toMessageBatch(record, `${context.protocol}://${context.host}`);
}
