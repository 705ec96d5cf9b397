import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closedPort, startProxy } from "../support/proxies.ts";
import { body, RawCli, type RawTurn } from "../support/rawCli.ts";

describe("behind an unreachable proxy, the CLI", () => {
  let cli: RawCli;
  let turn: RawTurn;
  beforeAll(async () => {
    cli = await RawCli.start({ system: [], env: { HTTP_PROXY: `http://127.0.0.1:${await closedPort()}` } });
    turn = await cli.turn(body());
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  it("sends calls to a gateway on this machine through it", () => {
    expect(turn.result.is_error).toBe(true);
    expect(cli.fakeApi.messages).toEqual([]);
  });

  it("logs the error code on stderr, after the line that announces it", async () => {
    const lineWith = (text: string) => cli.stderrLines.findIndex((line) => line.includes(text));
    const details = "[ERROR] Connection error details: code=ECONNREFUSED, message=";
    await expect.poll(() => lineWith(details)).toBeGreaterThan(-1);
    expect(lineWith("API error (attempt 1/1): undefined Connection error")).toBeLessThan(lineWith(details));
    expect(lineWith("API error (attempt 1/1): undefined Connection error")).toBeGreaterThan(-1);
  });

  it("trusts the system's certificate authorities in addition to its own", () => {
    expect(cli.stderrLines.join("\n")).toContain("CA certs: stores=bundled,system");
  });
});

it("uses the first proxy of https_proxy, HTTPS_PROXY, http_proxy, HTTP_PROXY and ALL_PROXY", async () => {
  await using used = await startProxy({ status: 403 });
  await using other = await startProxy({ status: 403 });
  const urlOf = ({ port }: { port: number }) => `http://127.0.0.1:${port}`;
  const env = { http_proxy: urlOf(other), HTTPS_PROXY: urlOf(used), ALL_PROXY: urlOf(other) };
  // of no_proxy and NO_PROXY, it reads only the former
  const lists = { no_proxy: "other.test.example", NO_PROXY: "api.test.example" };
  const api = { ANTHROPIC_BASE_URL: "https://api.test.example" };
  await using cli = await RawCli.start({ system: [], env: { ...env, ...lists, ...api } });
  await cli.turn(body());
  expect(used.asked).toEqual(["CONNECT api.test.example:443"]);
  expect(other.asked).toEqual([]);
});

it("ignores a SOCKS proxy in ALL_PROXY", async () => {
  const env = { ALL_PROXY: `socks5://127.0.0.1:${await closedPort()}` };
  await using cli = await RawCli.start({ system: [], env });
  expect((await cli.turn(body())).result.is_error).toBe(false);
});
