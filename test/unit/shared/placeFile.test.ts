import { link, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it, vi } from "vitest";
import { placeFile } from "../../../src/shared/placeFile.ts";
import { scratchDirectory } from "../../support/scratch.ts";

const inNewDirectory = () => join(scratchDirectory(), "state.json");

it("replaces a file, privately and in one step", async () => {
  const path = inNewDirectory();
  await writeFile(path, "old");
  await placeFile(path, async (file) => {
    await file.writeFile("new");
    expect(await readFile(path, "utf8")).toBe("old");
  });
  expect(await readFile(path, "utf8")).toBe("new");
  if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(dirname(path))).toEqual(["state.json"]);
});

it("replaces nothing when it links", async () => {
  const path = inNewDirectory();
  await writeFile(path, "old");
  await expect(placeFile(path, (file) => file.writeFile("new"), link)).rejects.toMatchObject({ code: "EEXIST" });
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(dirname(path))).toEqual(["state.json"]);
});

it("leaves no draft when writing or moving fails", async () => {
  const path = inNewDirectory();
  const broken = () => Promise.reject(new Error("cut"));
  await expect(placeFile(path, broken)).rejects.toThrow("cut");
  await mkdir(path);
  await expect(placeFile(path, (file) => file.writeFile("new"))).rejects.toThrow();
  expect(await readdir(dirname(path))).toEqual(["state.json"]);
});

it("writes again if another server has removed its draft, up to three times", async () => {
  const path = inNewDirectory();
  let left = 2;
  const write = vi.fn(async (file: { writeFile(text: string): Promise<void> }) => {
    await file.writeFile("new");
    if (left-- > 0) for (const name of await readdir(dirname(path))) await rm(join(dirname(path), name));
  });
  await placeFile(path, write);
  expect(await readFile(path, "utf8")).toBe("new");
  left = 3;
  await expect(placeFile(path, write)).rejects.toMatchObject({ code: "ENOENT" });
  expect(write).toHaveBeenCalledTimes(6);
});
