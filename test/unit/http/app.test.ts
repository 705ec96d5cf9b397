import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createApp, type Services } from "../../../src/http/app.ts";
import { InFlight } from "../../../src/http/inFlight.ts";
import { silentLogger } from "../../support/silentLogger.ts";

const options = {
  ...{ host: "127.0.0.1", allowedHosts: [], allowedOrigins: [], nameOf: String, apiKey: "right" },
  ...{ modelMap: {}, requestTimeout: 0, clientIdleTimeout: 0, traffic: () => false },
};
const services = {
  pool: { isLoop: () => false },
  inFlight: new InFlight(),
  stopping: new AbortController().signal,
} as unknown as Services;
/** The only ones without a key. */
const OPEN = ["GET /", "GET /health", "GET /api/hello"];
let http: Server;
let url: string;

beforeAll(async () => {
  http = createApp(options, services, silentLogger).listen(0, "127.0.0.1");
  await once(http, "listening");
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterAll(() => {
  http.close();
});

it.each([
  ["in upper case", (path: string) => path.toUpperCase()],
  ["with a slash at its end", (path: string) => `${path}/`],
  ["as it is documented", (path: string) => path],
])("requires the key before anything else for a path %s", async (_, written) => {
  const { endpoints } = (await (await fetch(url)).json()) as { endpoints: string[] };
  expect(endpoints).toEqual(expect.arrayContaining(OPEN));
  for (const endpoint of endpoints.filter((each) => !OPEN.includes(each))) {
    const [method = "", path = ""] = endpoint.split(" ");
    const address = url + written(path).replace(/\{id\}/i, "x");
    const answer = await fetch(address, { method, headers: { "x-api-key": "wrong" } });
    expect([endpoint, answer.status]).toEqual([endpoint, 401]);
  }
});
