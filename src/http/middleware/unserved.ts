import type Router from "@koa/router";
import type { Context, Middleware } from "koa";
import { notServed, wrongPath } from "../../api/accessErrors.ts";
import { methodNotAllowed, notFound } from "../../api/errors.ts";
import { reasonUnserved, UNSERVED_RESOURCES } from "../../api/unserved.ts";
import { printable } from "../../shared/printable.ts";
import { correctedSuffixes, pathCorrector, type Route, routeEndingIn, routeWithin } from "../paths.ts";

/** Every route once, in the order in which they were added. */
export function routesOf(router: Router): Route[] {
  return router.stack.flatMap(({ path, methods }) =>
    // a route of GET takes HEAD as well
    methods
      .filter((method) => method !== "HEAD")
      .map((method) => ({ method, path: String(path).replace(/:(\w+)/g, "{$1}") })),
  );
}

/** Has a request that was put together wrongly go on under the address that is meant; its query stays. */
export function correctPath(router: Router): Middleware {
  const read = pathCorrector(routesOf(router), UNSERVED_RESOURCES);
  return async (context, next) => {
    const address = read(context.path);
    if (address !== context.path) context.url = address + context.search;
    await next();
  };
}

/** Refuses what no route has taken: 405 for a known path with another method, else 404 with the reason or what may be meant. */
export function rejectUnserved(router: Router): Middleware {
  const routes = routesOf(router);
  const read = pathCorrector(routes, UNSERVED_RESOURCES);
  return async (context) => {
    const { path, method } = context;
    const methods = new Set(router.match(path, method).path.flatMap((layer) => layer.methods));
    if (methods.size > 0) throw methodNotAllowed([...methods].join(", "));
    const reason = reasonUnserved(path);
    if (reason !== undefined) throw notServed(reason);
    const isRoute = (address: string) => router.match(address, method).route;
    const meant = routeWithin(path, read, isRoute) ?? routeEndingIn(path, routes, method);
    if (meant !== undefined) throw wrongPath(printable(path), baseUrlOf(context), printable(meant));
    const reasonBehind = correctedSuffixes(path, read)
      .map(reasonUnserved)
      .find((found) => found !== undefined);
    throw reasonBehind === undefined ? notFound(baseUrlOf(context)) : notServed(reasonBehind);
  };
}

/** The base URL as the client wrote it, so that it can be used from where the client is. */
export function baseUrlOf(context: Context): string {
  return `http://${context.host}`;
}
