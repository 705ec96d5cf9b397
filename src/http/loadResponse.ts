/**
 * Has Node load its global `Response`, and with it the whole of its HTTP client, before there are clients. Koa compares
 * bodies with it, so the first answer would hold the event loop for 60 ms.
 */
export function loadResponse(): void {
  Reflect.get(globalThis, "Response");
}
