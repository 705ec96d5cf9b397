/**
 * Makes Node load its lazy global `Response`, and with it its HTTP client, at the start. Koa checks bodies against it, so
 * loading would block the event loop for 60 ms at the first response.
 */
export function preloadResponse(): void {
  Reflect.get(globalThis, "Response");
}
