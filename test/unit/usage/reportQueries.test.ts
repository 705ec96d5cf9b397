import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ApiError } from "../../../src/api/errors.ts";
import { newId } from "../../../src/api/ids.ts";
import { pageOf, pageOfCreated } from "../../../src/api/paging.ts";
import type { Ledger } from "../../../src/usage/ledger.ts";
import { usageReport } from "../../../src/usage/report.ts";

const NOW = new Date("2026-11-25T12:00:00Z");
const FULL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/** A ledger without usage that counts its calls. */
function report(query: object) {
  let asked = 0;
  const usageOf = async () => {
    asked += 1;
    return {};
  };
  const ledger = { usageOf } as unknown as Ledger;
  return usageReport(ledger, { groupBy: [], models: [], ...query }, NOW).then((answer) => ({ ...answer, asked }));
}

/** Expects a result or a 400. */
async function answerOr400<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error) => {
    expect(error).toBeInstanceOf(ApiError);
    expect(error.status).toBe(400);
    return undefined;
  });
}

const EDGES = [
  ...["0001-01-01", "0000-12-31", "9999-12-31", "9999-12-31T23:59:59Z", "+010000-01-01", "-000001-01-01"],
  ...[
    "275760-09-13",
    "+275760-09-13T00:00:00.000Z",
    "-271821-04-20T00:00:00Z",
    "2026-02-30",
    "2026-13-01",
    "2026-00-00",
  ],
  ...["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-25T23:59:60Z", "2026-11-25T24:00:00Z"],
  ...[
    "2026-11-25 10:00",
    "2026-11-25T10:00:00 00:00",
    "now",
    "",
    "0",
    "1e99",
    "NaN",
    "2026",
    "2026-11-25T10:00:00.123456789Z",
  ],
];
const anyTime = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.stringMatching(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2}))?$/),
  fc.string(),
);
const anyLimit = fc.oneof(fc.integer().map(String), fc.constantFrom("31", "1", "-0", "1e3", "٣", ""), fc.string());
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

describe("the parameters of the usage report", () => {
  it("yield at most 31 buckets in order within four-digit years, or a 400", async () => {
    const query = fc.record({
      starting_at: optional(anyTime),
      ending_at: optional(anyTime),
      limit: optional(anyLimit),
      page: optional(
        fc.oneof(
          anyTime.map((time) => `page_${time}`),
          fc.string(),
        ),
      ),
    });
    await fc.assert(
      fc.asyncProperty(query, async (asked) => {
        const answer = await answerOr400(report(asked));
        if (!answer) return;
        expect(answer.asked).toBeLessThanOrEqual(31);
        for (const bucket of answer.data) {
          expect(bucket.starting_at).toMatch(FULL_TIME);
          expect(bucket.ending_at).toMatch(FULL_TIME);
          expect(Date.parse(bucket.ending_at) - Date.parse(bucket.starting_at)).toBe(24 * 3600_000);
        }
        if (answer.next_page) await report({ ...asked, page: answer.next_page });
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["0001-01-01", "0001-01-01T00:00:00Z"],
    ["2026-11-25 10:00", "2026-11-25T00:00:00Z"],
    ["2026-11-24T23:30:00-01:00", "2026-11-25T00:00:00Z"],
    ["2026-11-25T00:30:00+01:00", "2026-11-24T00:00:00Z"],
  ])("map %s to the bucket of %s", async (starting_at, first) => {
    expect((await report({ starting_at, limit: "1", ending_at: "9999-12-31T23:59:59Z" })).data[0]?.starting_at).toBe(
      first,
    );
  });

  it.each([
    "2026-02-30",
    "275760-09-13",
    "+275760-09-13T00:00:00Z",
    "2026-11-25T23:59:60Z",
    "0000-12-31",
    "2026",
    "Nov 5",
  ])("reject %s", async (starting_at) => {
    await expect(report({ starting_at })).rejects.toMatchObject({
      status: 400,
      message: "starting_at: Input should be a valid datetime",
    });
  });
});

describe("the parameters of every other list", () => {
  const items = Array.from({ length: 30 }, (_, n) => {
    const time = NOW.getTime() - n;
    return { id: newId("file", time), created_at: new Date(time).toISOString() };
  });
  const anyId = fc.oneof(
    fc.constantFrom(...items.map(({ id }) => id)),
    fc.integer({ min: 0, max: 2 ** 48 - 1 }).map((time) => newId("file", time)),
    fc.string(),
  );

  it("yield a part of the list in order, or a 400", () => {
    const query = fc.record({ limit: optional(anyLimit), after_id: optional(anyId), before_id: optional(anyId) });
    fc.assert(
      fc.property(query, fc.boolean(), (asked, created) => {
        try {
          const page = created ? pageOfCreated(items, asked, "file", "file") : pageOf(items, asked, "model");
          const positions = page.data.map((item) => items.indexOf(item));
          expect(positions).toEqual(positions.map((_, n) => positions[0]! + n));
        } catch (error) {
          expect(error).toMatchObject({ status: 400 });
        }
      }),
      { numRuns: 500 },
    );
  });
});
