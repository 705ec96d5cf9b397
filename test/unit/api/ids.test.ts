import { describe, expect, it } from "vitest";
import { newId, timeIn } from "../../../src/api/ids.ts";

describe("newId", () => {
  it("creates unique ids in Anthropic's form", () => {
    const ids = Array.from({ length: 1000 }, () => newId("req"));
    for (const id of ids) expect(id).toMatch(/^req_01[1-9A-HJ-NP-Za-km-z]{22}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("uses the whole alphabet after the time", () => {
    const characters = new Set(Array.from({ length: 1000 }, () => newId("req").slice(16)).join(""));
    expect(characters.size).toBe(58);
  });

  it("creates ids that sort by time, to the millisecond", () => {
    const now = Date.now();
    const times = [0, 1, 1_000_000_000_000, now - 1, now, now + 1, 2 ** 48 - 1];
    const ids = times.map((time) => newId("file", time));
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.map((id) => timeIn("file", id))).toEqual(times);
  });
});

describe("timeIn", () => {
  it("reads the API's ids", () => {
    const time = timeIn("file", "file_011CNha8iCJcU1wXNR6q4V8w");
    expect(new Date(time!).toISOString()).toBe("2025-05-01T22:07:51.164Z");
  });

  it.each([
    ["of another kind", newId("msgbatch")],
    ["without a prefix", newId("file").slice(5)],
    ["random, as in old versions", "file_7hXw3mQzR9bKcVt2YnJpLs4D"],
    ["of a random UUID, as in old versions of the API", "file_013Zva2CMHLNnXjNJJKqJ2EF"],
    ["too short", newId("file").slice(0, -1)],
    ["too long", `${newId("file")}1`],
    ["of more than 128 bits", `file_01${"z".repeat(22)}`],
    ["with characters that base58 lacks", "file_011CNha8iCJcU1wXNR6q4V8l"],
    ["empty", ""],
  ])("knows none of an id that is %s", (_what, id) => {
    expect(timeIn("file", id)).toBeUndefined();
  });
});
