import Router from "@koa/router";
import { version } from "../../shared/version.ts";
import type { RequestState } from "../apiState.ts";
import { baseUrlOf } from "../middleware/unserved.ts";
import type { Route } from "../paths.ts";

/** `routes` is called for each request, because it includes these. */
export function welcomeRoutes(routes: () => readonly Route[]): Router<RequestState> {
  const router = new Router<RequestState>();

  /** Lists the endpoints. */
  router.get("/", (context) => {
    const endpoints = routes().map(({ method, path }) => `${method} ${path}`);
    context.body = { service: "claude-virtual-api", version, base_url: baseUrlOf(context), endpoints };
  });

  // Claude Code sends HEAD to its base URL at each start, without a key
  router.get("/api/hello", (context) => {
    context.body = { message: "hello" };
  });

  return router;
}
