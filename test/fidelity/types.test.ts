import { describe, expect, it } from "vitest";
import { fileStage } from "../support/fileStage.ts";
import { sampled } from "../support/full.ts";
import { expectCarried } from "./carries.ts";
import { requestsFromTypes } from "./fromTypes.ts";
import { NOT_SERVED } from "./notServed.ts";

const on = fileStage();
const all = requestsFromTypes();
const served = all.filter(({ body }) => !NOT_SERVED.some(({ matches }) => matches(body)));
const tried = sampled(served, 40, 12).map((request, index) => ({
  ...request,
  stream: index % 2 === 1,
}));

describe("of the requests that the SDK's types allow,", () => {
  it("there are more than a thousand", () => {
    expect(all.length).toBeGreaterThan(1000);
  });

  it.each(tried.map((request) => [request.name, request] as const))("%s", (_name, { body, headers, stream }) =>
    expectCarried(on, body, stream, headers),
  );

  it.each(NOT_SERVED)("$what is refused", async ({ matches, status, message }) => {
    const refused = all.filter(({ body }) => matches(body));
    expect(refused).not.toEqual([]);
    for (const { body } of refused) {
      const response = await on.post(body);
      expect([response.status, await response.json()]).toMatchObject([status, { error: { message } }]);
    }
    expect(on.standIn.messages).toEqual([]);
  });
});
