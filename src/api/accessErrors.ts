import { ApiError, invalidRequest } from "./errors.ts";

/** `setting` is the flag or VS Code setting that allows the host. */
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
    `The request target names the host '${host}', but the Host header another. This server is not a proxy: send only a path.`,
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
    `Not Found: this server has no '${path}'. Did you mean ${base}${meant}? Set the base URL to ${base}, or to ${base}/v1 if the client does not add /v1.`,
  );

/** A 400, because clients do not retry it and the CLI passes its message on to the client of the first request. */
export const requestLoop = () =>
  invalidRequest(
    "Claude Virtual API calls itself: Claude Code sends its requests back to this server instead of to Anthropic. Remove ANTHROPIC_BASE_URL from Claude Code's managed settings, or point the relay in between to Anthropic.",
  );

/** For a known endpoint of Anthropic's or another API that cannot work here. */
export const notServed = (reason: string) => new ApiError(404, "not_found_error", reason);
