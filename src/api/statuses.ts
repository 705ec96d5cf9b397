/** Statuses of the API's errors (docs: "Errors"). */
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

/** The status that goes with a type, for an error that arrives as an event, without a status line. */
export const statusOf = (type: string): number | undefined =>
  Object.hasOwn(STATUS_OF, type) ? STATUS_OF[type] : undefined;

/** The type that goes with a status, for a refusal that names none, as of a gateway. */
export const typeOf = (status: number): string =>
  Object.keys(STATUS_OF).find((type) => STATUS_OF[type] === status) ?? "api_error";

/** A status with which clients read the error; of a redirect or a proxy's demand they do not, as from a bad gateway. */
export const clientStatus = (status: number): number => (status >= 400 && status !== 407 ? status : 502);
