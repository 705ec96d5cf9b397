import type Router from "@koa/router";
import type { Context, Middleware } from "koa";
import { notServed, wrongPath } from "../../api/accessErrors.ts";
import { methodNotAllowed, notFound } from "../../api/errors.ts";
import { reasonUnserved, UNSERVED_RESOURCES } from "../../api/unserved.ts";
import { printable } from "../../shared/printable.ts";
import type { RequestState } from "../apiState.ts";
import { correctedSuffixes, pathCorrector, type Route, routeEndingIn, routeWithin } from "../paths.ts";

export function routesOf(router: Router<RequestState>): Route[] {
  return router.stack.flatMap(({ path, methods }) =>
    // a GET route also handles HEAD
    methods
      .filter((method) => method !== "HEAD")
      .map((method) => ({ method, path: String(path).replace(/:(\w+)/g, "{$1}") })),
  );
}

/** Rewrites a mistaken path to the one that is meant. Keeps the query. */
export function correctPath(router: Router<RequestState>): Middleware {
  const correct = pathCorrector(routesOf(router), UNSERVED_RESOURCES);
  return async (context, next) => {
    const address = correct(context.path);
    if (address !== context.path) context.url = address + context.search;
    await next();
  };
}

/** Rejects requests without a route: 405 for a known path, else 404 with the reason or a suggested path. */
export function rejectUnserved(router: Router<RequestState>): Middleware {
  const routes = routesOf(router);
  const correct = pathCorrector(routes, UNSERVED_RESOURCES);
  return async (context) => {
    const { path, method } = context;
    const methods = new Set(router.match(path, method).path.flatMap((layer) => layer.methods));
    if (methods.size > 0) throw methodNotAllowed([...methods].join(", "));
    const reason = reasonUnserved(path);
    if (reason !== undefined) throw notServed(reason);
    const isRoute = (address: string) => router.match(address, method).route;
    const meant = routeWithin(path, correct, isRoute) ?? routeEndingIn(path, routes, method);
    if (meant !== undefined) throw wrongPath(printable(path), baseUrlOf(context), printable(meant));
    const reasonBehind = correctedSuffixes(path, correct)
      .map(reasonUnserved)
      .find((found) => found !== undefined);
    throw reasonBehind === undefined ? notFound(baseUrlOf(context)) : notServed(reasonBehind);
  };
}

export function baseUrlOf({ host }: Pick<Context, "host">): string {
  return `http://${host}`;
}
