import { describe, expect, it } from "vitest";
import { onEachTransport } from "../support/transports.ts";
import { expectCarried } from "./carries.ts";
import { requestsFromTypes } from "./fromTypes.ts";
import { NOT_SERVED } from "./notServed.ts";

const all = requestsFromTypes();

it("the SDK's types allow more than a thousand requests", () => {
  expect(all.length).toBeGreaterThan(1000);
});

onEachTransport((how) => {
  const { app, sampled, transport } = how;
  const notServed = NOT_SERVED.filter(({ only = transport }) => only === transport);
  const served = all.filter(({ body }) => !notServed.some(({ matches }) => matches(body)));
  const tried = sampled(served, 40, 8).map((request, index) => ({ ...request, stream: index % 2 === 1 }));

  describe("a request that the SDK's types allow", () => {
    it.each(tried.map((request) => [request.name, request] as const))("%s", (_name, { body, headers, stream }) =>
      expectCarried(how, body, stream, headers),
    );

    it.each(notServed)("$what is rejected", async ({ matches, status, message }) => {
      const refused = all.filter(({ body }) => matches(body));
      expect(refused).not.toEqual([]);
      for (const { body } of refused) {
        const response = await app.post(body);
        expect([response.status, await response.json()]).toMatchObject([status, { error: { message } }]);
      }
      expect(app.fakeApi.messages).toEqual([]);
    });
  });
});
