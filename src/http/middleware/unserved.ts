import type Router from "@koa/router";
import type { Context, Middleware } from "koa";
import { notServed, wrongPath } from "../../api/accessErrors.ts";
import { methodNotAllowed, notFound } from "../../api/errors.ts";
import { reasonUnserved, UNSERVED_RESOURCES } from "../../api/unserved.ts";
import { printable } from "../../shared/printable.ts";
import { addressAround, addressReader, addressWithin, behindUnknown, type Route } from "../addresses.ts";

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
export function correctAddress(router: Router): Middleware {
  const read = addressReader(routesOf(router), UNSERVED_RESOURCES);
  return async (context, next) => {
    const address = read(context.path);
    if (address !== context.path) context.url = address + context.search;
    await next();
  };
}

/** Refuses what no route has taken: 405 for a known path with another method, else 404 with the reason or what may be meant. */
export function refuseUnserved(router: Router): Middleware {
  const routes = routesOf(router);
  const read = addressReader(routes, UNSERVED_RESOURCES);
  return async (context) => {
    const { path, method } = context;
    const methods = new Set(router.match(path, method).path.flatMap((layer) => layer.methods));
    if (methods.size > 0) throw methodNotAllowed([...methods].join(", "));
    const reason = reasonUnserved(path);
    if (reason !== undefined) throw notServed(reason);
    const isRoute = (address: string) => router.match(address, method).route;
    const meant = addressWithin(path, read, isRoute) ?? addressAround(path, routes, method);
    if (meant !== undefined) throw wrongPath(printable(path), baseOf(context), printable(meant));
    const reasonBehind = behindUnknown(path, read)
      .map(reasonUnserved)
      .find((found) => found !== undefined);
    throw reasonBehind === undefined ? notFound(baseOf(context)) : notServed(reasonBehind);
  };
}

/** The base URL as the client wrote it, so that it can be used from where the client is. */
export function baseOf(context: Context): string {
  return `http://${context.host}`;
}
