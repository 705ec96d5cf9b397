import type { Context } from "koa";
import { pageOfCreated } from "../../api/paging.ts";
import type { Batches } from "../../batches/batches.ts";
import { type BatchRecord, toMessageBatch } from "../../batches/record.ts";
import { jsonBytes } from "../byteStream.ts";
import type { Exchange } from "../exchange.ts";
import type { ApiState } from "../middleware/apiVersion.ts";
import { single } from "../query.ts";

type WithId = Context & { params: { id: string } };

/** Megabytes of the body of a new batch (docs: "Request size limits"). */
const BATCH_LIMIT = 256;

/** `POST /v1/messages/batches`. */
export function createBatch(batches: Batches) {
  return async (context: Context): Promise<void> => {
    const { apiVersion, betas, exchange } = context.state as ApiState & { exchange: Exchange };
    const left = new AbortController();
    void exchange.closed.then(() => left.abort());
    const body = { bytes: jsonBytes(context, BATCH_LIMIT), signal: left.signal };
    const record = await batches.create(body, apiVersion, betas);
    context.body = told(record, context);
  };
}

/** `GET /v1/messages/batches`. */
export function listBatches(batches: Batches) {
  return async (context: Context): Promise<void> => {
    const page = pageOfCreated(await batches.list(), single(context.query), "message batch", "msgbatch");
    context.body = { ...page, data: page.data.map((record) => told(record, context)) };
  };
}

/** `GET /v1/messages/batches/{id}`. */
export function retrieveBatch(batches: Batches) {
  return async (context: WithId): Promise<void> => {
    context.body = told(await batches.get(context.params.id), context);
  };
}

/** `GET /v1/messages/batches/{id}/results`. */
export function batchResults(batches: Batches) {
  return async (context: WithId): Promise<void> => {
    const results = await batches.results(context.params.id);
    context.type = "application/x-jsonl";
    // the status is sent by then, and only a connection that is cut tells a client that this is not all
    results.once("error", (error) => context.res.destroy(error));
    context.body = results;
  };
}

/** `POST /v1/messages/batches/{id}/cancel`. */
export function cancelBatch(batches: Batches) {
  return async (context: WithId): Promise<void> => {
    context.body = told(await batches.cancel(context.params.id), context);
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

function told(record: BatchRecord, context: Context) {
  return toMessageBatch(record, `${context.protocol}://${context.host}`);
}
