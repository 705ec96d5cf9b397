import type { FileHandle } from "node:fs/promises";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../../src/api/errors.ts";
import { FileStore } from "../../../src/files/store.ts";
import { Quota } from "../../../src/storage/quota.ts";
import { Ledger } from "../../../src/usage/ledger.ts";
import { usageReport } from "../../../src/usage/report.ts";
import { openBatches } from "../../support/batches.ts";
import { FULL } from "../../support/full.ts";
import { scratchDirectory } from "../../support/scratch.ts";
import { silentLogger } from "../../support/silentLogger.ts";
import { collect, from } from "../../support/streams.ts";

/** The number of the file system call that fails, its error code, and the number of calls so far. */
const plan = vi.hoisted(() => ({ at: 0, code: "", calls: 0 }));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  /** Wraps a file handle, or the module, so that any call except `close` may fail. */
  const failing = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (typeof name === "symbol" || name === "close" || name === "createReadStream") return value.bind(target);
        return async (...args: unknown[]) => {
          plan.calls += 1;
          if (plan.calls === plan.at) throw Object.assign(new Error(`${plan.code}: ${name}`), { code: plan.code });
          const result = await value.apply(target, args);
          return name === "open" ? failing(result as FileHandle) : result;
        };
      },
    });
  const names = Object.keys(real).filter((name) => name !== "default");
  const module = failing({ ...real });
  return Object.fromEntries(names.map((name) => [name, Reflect.get(module, name)]));
});

const STEP = FULL ? 1 : 4;

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
beforeEach(() => {
  Object.assign(plan, { at: 0, code: "", calls: 0 });
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(() => {
  plan.at = 0;
  process.off("unhandledRejection", note);
});

async function rooms(path: string) {
  const { batches, directory, create } = await openBatches(path, (text) => text);
  const files = new FileStore(directory, new Quota(0), 0, silentLogger);
  const ledger = new Ledger(directory, silentLogger);
  return { batches, directory, create, files, ledger };
}

type Rooms = Awaited<ReturnType<typeof rooms>>;

/** Makes each kind of request once, and passes the status of each error to the caller. */
async function useAll({ batches, create, files, ledger }: Rooms, failed: (error: unknown) => void): Promise<void> {
  const tried = <T>(step: () => Promise<T>) => step().catch((error) => void failed(error));
  const upload = { filename: "a.txt", mimeType: "", content: from([Buffer.from("Hello")]) };
  const file = await tried(() => files.add(upload, async () => undefined));
  await tried(() => files.list());
  if (file) {
    const stored = await tried(() => files.get(file.id));
    if (stored) await tried(() => files.content(stored));
    await tried(() => files.remove(file.id));
  }
  const batch = await tried(() => create(["a", "b"]));
  await tried(() => batches.list());
  if (batch) {
    const status = async () => (await tried(() => batches.get(batch.id)))?.processing_status;
    await expect.poll(status, { interval: 1, timeout: 30_000 }).toBe("ended");
    await tried(async () => collect(await batches.results(batch.id)));
    await tried(() => batches.remove(batch.id));
  }
  ledger.record({ model: "m", tokens: {} } as never, false);
  await tried(() => usageReport(ledger, { groupBy: [], models: [], limit: "1" }));
  await ledger.onRelease();
}

describe.each([
  ["EMFILE", 529],
  ["EIO", 500],
])("any file system call that fails with %s", (code, status) => {
  it("fails its own request, but neither the others nor the process", async () => {
    for (let at = 1; ; at += STEP) {
      const path = scratchDirectory();
      const all = await rooms(path);
      Object.assign(plan, { at, code, calls: 0 });
      const errors: unknown[] = [];
      await useAll(all, (error) => errors.push(error));
      const wasHit = plan.calls >= at;
      plan.at = 0;
      expect(errors.length, String(errors)).toBeLessThanOrEqual(1);
      for (const error of errors) {
        expect(error, `call ${at}: ${(error as Error).stack}`).toBeInstanceOf(ApiError);
        expect(error, `call ${at}`).toMatchObject({ status });
      }
      await useAll(all, (error) => expect(error, `after call ${at}`).toBeUndefined());
      // the next start removes what could not be removed
      await all.directory.close();
      const again = await rooms(path);
      expect(await readdir(join(path, "drafts"))).toEqual([]);
      await again.directory.close();
      await rm(path, { recursive: true });
      expect(unhandled).toEqual([]);
      if (!wasHit) break;
    }
  });

  it("fails at most the current start, and leaves the directory to the next one", async () => {
    const path = scratchDirectory();
    const first = await rooms(path);
    await first.create(["a"]);
    await first.directory.close();
    for (let at = 1; ; at += STEP) {
      Object.assign(plan, { at, code, calls: 0 });
      const opened = await rooms(path).catch((error: unknown) => void expect(error).toMatchObject({ message: /./ }));
      const wasHit = plan.calls >= at;
      plan.at = 0;
      await opened?.directory.close();
      const next = await rooms(path);
      expect(next.directory.isOwned, `after call ${at}`).toBe(true);
      expect(await next.batches.list()).toHaveLength(1);
      await next.directory.close();
      expect(unhandled).toEqual([]);
      if (!wasHit) break;
    }
  });
});
