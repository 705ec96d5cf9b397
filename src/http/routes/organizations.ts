import Router from "@koa/router";
import type { DataDirectory } from "../../storage/dataDirectory.ts";
import type { Ledger } from "../../usage/ledger.ts";
import { usageReport } from "../../usage/report.ts";
import type { ApiState } from "../apiState.ts";
import { lastValues, listValues } from "../query.ts";

export interface OrganizationServices {
  directory: Pick<DataDirectory, "id">;
  ledger: Ledger;
}

export function organizationRoutes({ directory, ledger }: OrganizationServices): Router<ApiState> {
  const router = new Router<ApiState>({ prefix: "/v1/organizations" });

  router.get("/me", (context) => {
    context.body = { id: directory.id, type: "organization", name: "Claude Virtual API" };
  });

  router.get("/usage_report/messages", async (context) => {
    const { query } = context;
    context.body = await usageReport(ledger, {
      ...lastValues(query),
      groupBy: listValues(query, "group_by"),
      models: listValues(query, "models"),
    });
  });

  return router;
}
