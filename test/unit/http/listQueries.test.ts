import { parse } from "node:querystring";
import fc from "fast-check";
import { expect, it } from "vitest";
import { newId } from "../../../src/api/ids.ts";
import type { Batches } from "../../../src/batches/batches.ts";
import { zeroCounts } from "../../../src/batches/record.ts";
import type { FileStore } from "../../../src/files/store.ts";
import { batchRoutes } from "../../../src/http/routes/batches.ts";
import { fileRoutes } from "../../../src/http/routes/files.ts";
import { organizationRoutes } from "../../../src/http/routes/organizations.ts";
import type { Ledger } from "../../../src/usage/ledger.ts";

const files = [3, 2, 1].map((time) => ({ id: newId("file", time), created_at: new Date(time).toISOString() }));
const batches = [3, 2, 1].map((time) => ({
  id: newId("msgbatch", time),
  created_at: new Date(time).toISOString(),
  counts: zeroCounts(),
}));
const ledger = { usageOf: async () => ({}) } as unknown as Ledger;
const lists = [
  { path: "/v1/files", router: fileRoutes({ files: { list: async () => files } as unknown as FileStore }) },
  {
    path: "/v1/messages/batches",
    router: batchRoutes({ batches: { list: async () => batches } as unknown as Batches }),
  },
  {
    path: "/v1/organizations/usage_report/messages",
    router: organizationRoutes({ directory: { id: "" }, ledger }),
  },
];

const anyName = fc.constantFrom(
  ...["limit", "after_id", "before_id", "page", "ids", "ids[]", "starting_at", "ending_at", "bucket_width"],
  ...["group_by[]", "models[]", "models", "__proto__", "constructor", "toString"],
);
const anyValue = fc.oneof(
  fc.constantFrom("1", "0", "31", "page_zzzzzzzzzz-a", "page_0-a", "page_2026-11-25", "page_9999-12-31", "1d", "model"),
  fc.constantFrom("%", "%00", "%ff", "a&a", "=", ...files.map(({ id }) => id), ...batches.map(({ id }) => id)),
  fc.integer({ min: 0, max: 2 ** 48 - 1 }).map((time) => newId("file", time)),
  fc.string(),
);
const time = fc.constantFrom(
  ...["0001-01-01", "9999-12-31", "%2B275760-09-13T00:00:00Z", "-271821-04-20", "0001-01-01T00:00:00%2B23:59"],
);
const pair = fc.oneof(fc.tuple(anyName, anyValue), fc.tuple(fc.constantFrom("starting_at", "ending_at"), time));
const query = fc.array(pair).map((pairs) => pairs.map((each) => each.join("=")).join("&"));

it("answers any list query, or rejects it with a 400", async () => {
  await fc.assert(
    fc.asyncProperty(query, fc.constantFrom(...lists), async (text, { path, router }) => {
      const context = { method: "GET", path, query: parse(text), host: "localhost", request: {} };
      const answer = router.routes()(context as never, () => expect.unreachable("no route"));
      await answer.catch((error: Error) => expect(error, String(error.stack)).toMatchObject({ status: 400 }));
    }),
    { numRuns: 1000 },
  );
});
