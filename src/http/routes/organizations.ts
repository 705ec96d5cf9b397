import type { Context } from "koa";
import type { DataDirectory } from "../../storage/dataDirectory.ts";
import type { Ledger } from "../../usage/ledger.ts";
import { usageReport } from "../../usage/report.ts";
import { lastValues } from "../query.ts";

/** `GET /v1/organizations/me`. */
export function organization(directory: DataDirectory) {
  return (context: Context): void => {
    context.body = { id: directory.id, type: "organization", name: "Claude Virtual API" };
  };
}

/** `GET /v1/organizations/usage_report/messages`. */
export function messagesUsage(ledger: Ledger) {
  return async (context: Context): Promise<void> => {
    const { query } = context;
    const list = (name: string) => [query[`${name}[]`] ?? [], query[name] ?? []].flat();
    context.body = await usageReport(ledger, {
      ...lastValues(query),
      groupBy: list("group_by"),
      models: list("models"),
    });
  };
}
