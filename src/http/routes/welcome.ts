import type { Context } from "koa";
import { version } from "../../shared/version.ts";
import { baseUrlOf } from "../middleware/unserved.ts";
import type { Route } from "../paths.ts";

/**
 * `GET /` and `HEAD /`: what is served, for a person with a browser, and for clients that look whether anything answers.
 * `routes` is asked for at each request, since this is one of them.
 */
export function welcome(routes: () => readonly Route[]) {
  return (context: Context): void => {
    const endpoints = routes().map(({ method, path }) => `${method} ${path}`);
    context.body = { service: "claude-virtual-api", version, base_url: baseUrlOf(context), endpoints };
  };
}

/** `HEAD /api/hello`, which Claude Code sends to its base URL at each start, without a key; with GET as the API answers it. */
export function hello(context: Context): void {
  context.body = { message: "hello" };
}
