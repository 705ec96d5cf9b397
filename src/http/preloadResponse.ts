/** Koa loads Node's lazy global `Response` at the first response, which would block the event loop for 60 ms. */
export function preloadResponse(): void {
  Reflect.get(globalThis, "Response");
}
