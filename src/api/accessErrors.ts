import { ApiError, invalidRequest } from "./errors.ts";

/** `setting` is where the user can allow the host, by the name it has at the user's door. */
export const hostNotAllowed = (host: string, setting: string) =>
  new ApiError(
    403,
    "permission_error",
    `The Host header '${host}' is not a name of this server. Use 127.0.0.1 or localhost, or add the name to ${setting}.`,
  );

export const targetNotAllowed = (host: string) =>
  new ApiError(
    403,
    "permission_error",
    `The host '${host}' of the request target is not the one of the Host header. This server is no proxy: ask for a path alone.`,
  );

export const originNotAllowed = (origin: string, setting: string) =>
  new ApiError(
    403,
    "permission_error",
    `Requests from the origin '${origin}' are not allowed. Add it to ${setting} to call this server from a browser.`,
  );

export const conflictingHeader = (name: string) =>
  invalidRequest(`The header '${name}' was sent with different values. Send it once.`);

export const wrongPath = (path: string, base: string, meant: string) =>
  new ApiError(
    404,
    "not_found_error",
    `Not Found: '${path}' is not an address of this server. Did you mean ${base}${meant}? Set the base URL to ${base}, or to ${base}/v1 where the client adds no /v1.`,
  );

/** Clients do not repeat a 400, and the CLI passes its words on to the client of the first request. */
export const callsItself = () =>
  invalidRequest(
    "Claude Virtual API calls itself: Claude Code sends its requests back to this server, not to Anthropic. Remove the base URL that leads here (ANTHROPIC_BASE_URL) from Claude Code's managed settings, or change where the relay in between leads.",
  );

/** A known address of Anthropic's or OpenAI's that cannot work here. */
export const notServed = (reason: string) => new ApiError(404, "not_found_error", reason);
