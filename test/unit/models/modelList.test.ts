import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CliDescription } from "../../../src/claude/signIn/description.ts";
import { likelyModels } from "../../../src/models/catalog.ts";
import { ModelList } from "../../../src/models/modelList.ts";
import { quiet } from "../../support/smallServer.ts";

const description = (...names: string[]): CliDescription => ({
  models: names.map((value) => ({ value })),
  account: {},
});

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "claude-virtual-api-test-"));
});
afterEach(() => rm(dataDir, { recursive: true }));
const path = () => join(dataDir, "models.json");

/** A CLI that answers on demand. Before that the list does not wait. */
function starting() {
  let resolve: (models: CliDescription) => void = () => {};
  const promise = new Promise<CliDescription>((settle) => {
    resolve = settle;
  });
  const cli = { description: undefined as CliDescription | undefined, describe: () => promise };
  const started = (models: CliDescription) => {
    cli.description = models;
    resolve(models);
  };
  return { list: new ModelList(cli, dataDir, quiet, 0), started };
}

describe("the list of models", () => {
  it("is the CLI's once it has answered", async () => {
    const { list, started } = starting();
    started(description("opus"));
    expect(await list.current()).toEqual([{ value: "opus" }]);
  });

  it("is that of the last run while the CLI starts, complete and private, until the CLI answers", async () => {
    const first = starting();
    first.started(description("opus", "haiku"));
    await first.list.refresh();
    if (process.platform !== "win32") expect((await stat(path())).mode & 0o777).toBe(0o600);
    const second = starting();
    expect(await second.list.current()).toEqual([{ value: "opus" }, { value: "haiku" }]);
    second.started(description("sonnet"));
    await second.list.refresh();
    expect(await second.list.current()).toEqual([{ value: "sonnet" }]);
    expect(JSON.parse(await readFile(path(), "utf8"))).toEqual({ models: [{ value: "sonnet" }] });
  });

  it.each([
    ["is missing", undefined],
    ["is damaged", '{"models": [{"val'],
    ["is something else", '{"models": 3}'],
    ["is empty", '{"models": []}'],
  ])("is the dated table's where the file %s", async (_name, content) => {
    if (content !== undefined) await writeFile(path(), content);
    expect(await starting().list.current()).toEqual(likelyModels());
  });

  it("throws if the CLI fails at once", async () => {
    const cli = { description: undefined, describe: () => Promise.reject(new Error("no CLI")) };
    await expect(new ModelList(cli, dataDir, quiet).current()).rejects.toThrow("no CLI");
  });

  it("is not stored if the CLI lists none, or the disk fails", async () => {
    const none = starting();
    none.started(description());
    await none.list.refresh();
    await expect(stat(path())).rejects.toThrow("ENOENT");
    const cli = { description: undefined, describe: async () => description("opus") };
    const nowhere = new ModelList(cli, join(dataDir, "nowhere"), quiet);
    expect(await nowhere.refresh()).toEqual([{ value: "opus" }]);
  });

  it("remembers a limited number of answered names", () => {
    const { list } = starting();
    for (let at = 0; at < 2000; at++) list.note(`claude-${at}`);
    expect([list.wasAnswered("claude-0"), list.wasAnswered("claude-1999")]).toEqual([true, false]);
  });
});
