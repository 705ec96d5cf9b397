import type { Middleware } from "koa";
import { invalidRequest } from "../../api/errors.ts";
import { printable } from "../../shared/printable.ts";
import { API_VERSIONS, type ApiVersion } from "../../validation/versionRules.ts";
import type { ApiState } from "../apiState.ts";

/** Reads `anthropic-version`, which defaults to 2023-06-01 for plain curl, and the list in `anthropic-beta`. */
export const apiVersion: Middleware<ApiState> = async (context, next) => {
  const version = context.get("anthropic-version") || "2023-06-01";
  if (!isKnown(version)) throw invalidRequest(`anthropic-version: "${printable(version)}" is not a valid version.`);
  context.state.apiVersion = version;
  context.state.betas = context
    .get("anthropic-beta")
    .split(",")
    .map((beta) => beta.trim())
    .filter((beta) => beta !== "");
  await next();
};

function isKnown(version: string): version is ApiVersion {
  return (API_VERSIONS as readonly string[]).includes(version);
}
