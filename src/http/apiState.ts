import type { RouterContext } from "@koa/router";
import type { ApiVersion } from "../validation/versionRules.ts";
import type { RequestLog } from "./requestLog.ts";

/** Set for every request. */
export interface RequestState {
  requestLog: RequestLog;
}

/** Set for every request to a path under `/v1`. */
export interface ApiState extends RequestState {
  apiVersion: ApiVersion;
  betas: string[];
}

export type ApiContext = RouterContext<ApiState>;

/** For routes whose path has an `:id`. */
export interface WithId {
  params: { id: string };
}
