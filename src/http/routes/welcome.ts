import type { Context } from "koa";
import { version } from "../../shared/version.ts";
import { baseUrlOf } from "../middleware/unserved.ts";
import type { Route } from "../paths.ts";

/** `GET /` and `HEAD /`: lists the endpoints. `routes` is called per request, because it includes this route. */
export function welcome(routes: () => readonly Route[]) {
  return (context: Context): void => {
    const endpoints = routes().map(({ method, path }) => `${method} ${path}`);
    context.body = { service: "claude-virtual-api", version, base_url: baseUrlOf(context), endpoints };
  };
}

/** `GET` and `HEAD /api/hello`. Claude Code sends HEAD to its base URL at each start, without a key. */
export function hello(context: Context): void {
  context.body = { message: "hello" };
}
