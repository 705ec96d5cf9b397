/** The API's error types (docs: "Errors"). */
const STATUS_OF: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  timeout_error: 504,
  overloaded_error: 529,
};

export const statusOf = (type: string): number | undefined =>
  Object.hasOwn(STATUS_OF, type) ? STATUS_OF[type] : undefined;

export const typeOf = (status: number): string =>
  Object.keys(STATUS_OF).find((type) => STATUS_OF[type] === status) ?? "api_error";

/** Replaces statuses with which clients do not read the error, such as redirects and 407, by 502. */
export const clientStatus = (status: number): number => (status >= 400 && status !== 407 ? status : 502);
