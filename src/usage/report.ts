import { invalidRequest } from "../api/errors.ts";
import { wholeNumber } from "../api/paging.ts";
import { DAY_MS } from "../shared/clock.ts";
import { addUsage, type DayUsage, dayOf, emptyUsage, type Ledger, type ModelUsage } from "./ledger.ts";

/** Days per page, by default and at most (docs: "Usage and Cost API"). */
const DEFAULT_PAGE_DAYS = 7;
const MAX_PAGE_DAYS = 31;
/** Limits of a bucket's start: years have four digits. */
const EARLIEST_TIME = Date.parse("0001-01-01T00:00:00Z");
const LATEST_BUCKET_TIME = Date.parse("9999-12-31T00:00:00Z");
/** RFC 3339 date with an optional time; UTC if it has no offset. */
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|z|[+-]\d{2}:\d{2})?)?$/;
const PAGE_CURSOR = /^page_(\d{4}-\d{2}-\d{2})$/;

/** One day of the report. `requests` and `errors` in the results are additions to the API. */
interface UsageBucket {
  starting_at: string;
  ending_at: string;
  results: object[];
}

export interface UsageReport {
  data: UsageBucket[];
  has_more: boolean;
  next_page: string | null;
}

export interface ReportQuery {
  starting_at?: string | undefined;
  ending_at?: string | undefined;
  bucket_width?: string | undefined;
  limit?: string | undefined;
  page?: string | undefined;
  groupBy: string[];
  models: string[];
}

/** Returns one bucket per requested day, by default for the last seven. Throws `ApiError` 400. */
export async function usageReport(ledger: Ledger, query: ReportQuery, now = new Date()): Promise<UsageReport> {
  if (query.bucket_width !== undefined && query.bucket_width !== "1d") {
    throw invalidRequest("bucket_width: Input should be '1d'; usage is recorded by day");
  }
  const limit = query.limit === undefined ? DEFAULT_PAGE_DAYS : wholeNumber("limit", query.limit, 1, MAX_PAGE_DAYS);
  const end = Math.min(
    LATEST_BUCKET_TIME,
    query.ending_at === undefined ? now.getTime() : timeOf("ending_at", query.ending_at),
  );
  const first = query.starting_at === undefined ? end - (limit - 1) * DAY_MS : timeOf("starting_at", query.starting_at);
  if (query.starting_at !== undefined && query.ending_at !== undefined && end < first) {
    throw invalidRequest("ending_at: Input should not be before starting_at");
  }
  const data: UsageBucket[] = [];
  let start = Math.max(EARLIEST_TIME, Math.floor(startOf(query.page, first) / DAY_MS) * DAY_MS);
  for (; start < end && data.length < limit; start += DAY_MS) {
    const usage = await ledger.usageOf(dayOf(new Date(start)));
    data.push({
      starting_at: rfc3339(start),
      ending_at: rfc3339(start + DAY_MS),
      results: resultsOf(usage, query),
    });
  }
  const has_more = start < end;
  return { data, has_more, next_page: has_more ? `page_${dayOf(new Date(start))}` : null };
}

function startOf(page: string | undefined, fallback: number): number {
  if (page === undefined) return fallback;
  const day = PAGE_CURSOR.exec(page)?.[1];
  if (!day) throw invalidRequest(`page: '${page}' is not a valid page cursor`);
  return timeOf("page", day);
}

function timeOf(name: string, text: string): number {
  const [, day = "", clock = "00:00", offset = "Z"] = DATE_TIME.exec(text) ?? [];
  const midnight = new Date(`${day}T00:00:00Z`);
  const time = Date.parse(`${day}T${clock}${offset.toUpperCase()}`);
  // `Date` would turn February 30 into a day in March
  const exists = !Number.isNaN(midnight.getTime()) && dayOf(midnight) === day;
  if (!exists || Number.isNaN(time) || time < EARLIEST_TIME || time >= LATEST_BUCKET_TIME + DAY_MS) {
    throw invalidRequest(`${name}: Input should be a valid datetime`);
  }
  return time;
}

function resultsOf(day: DayUsage, { groupBy, models }: ReportQuery): object[] {
  const wanted = Object.entries(day).filter(([model]) => models.length === 0 || models.includes(model));
  if (groupBy.includes("model")) return wanted.map(([model, usage]) => toResult(model, usage));
  const all: DayUsage = {};
  for (const [, usage] of wanted) addUsage(all, "all", usage);
  return wanted.length === 0 ? [] : [toResult(null, all.all ?? emptyUsage())];
}

function toResult(model: string | null, usage: ModelUsage): object {
  return {
    uncached_input_tokens: usage.input_tokens,
    cache_creation: {
      ephemeral_1h_input_tokens: 0,
      ephemeral_5m_input_tokens: usage.cache_creation_input_tokens,
    },
    cache_read_input_tokens: usage.cache_read_input_tokens,
    output_tokens: usage.output_tokens,
    server_tool_use: { web_search_requests: 0 },
    api_key_id: null,
    workspace_id: null,
    model,
    service_tier: null,
    context_window: null,
    requests: usage.requests,
    errors: usage.errors,
  };
}

function rfc3339(time: number): string {
  return new Date(time).toISOString().replace(".000Z", "Z");
}
