import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { describeDirectoryFault } from "../api/directoryFaults.ts";
import { dataDirectoryInUse } from "../api/errors.ts";
import { DescribedError, describe } from "../api/messageDescriptors.ts";
import { whyUnusable } from "../shared/directories.ts";
import { errorText } from "../shared/errorText.ts";
import type { Logger } from "../shared/logger.ts";
import { makePrivateDirectory } from "../shared/privateFiles.ts";
import { DamagedFile, readJson, writeJson } from "./jsonFile.ts";
import { removeLeftoverDrafts } from "./leftovers.ts";
import { Lock, type Owner } from "./lock.ts";
import { restrictContents, restrictDirectory } from "./permissions.ts";
import { Uploads } from "./uploads.ts";

/** The format this version writes. It refuses a directory with a later one. */
const FORMAT_VERSION = 1;

const storedVersion = z.object({ format: z.int(), id: z.string() });

/** Milliseconds between two attempts to become the owner; a takeover must not take longer than 5 s. */
const CLAIM_INTERVAL_MS = 500;

/** Milliseconds that a write waits for this process to become the owner, as after a restart. */
const OWNERSHIP_TIMEOUT_MS = 3000;

/** A component that writes to the directory while this process owns it. */
export interface Store {
  /** Called once, when this process has become the owner and before the first write. */
  onAcquire(): Promise<void>;
  /** Resolves after the last write. */
  onRelease(): Promise<void>;
}

/**
 * Everything that outlives a restart. One process owns the directory and writes; others only read, and one of them becomes
 * the owner when the first ends. Other users have no access.
 *
 *     version.json    the format, and the directory's permanent id
 *     lock            the owner
 *     secret          lets VS Code windows recognize the servers of this directory
 *     files/ batches/ usage/
 *     drafts/         incomplete data; emptied at each start
 */
export class DataDirectory {
  readonly path: string;
  /** Writes in progress, above all uploads from clients. */
  readonly uploads: Uploads;
  readonly #logger: Logger;
  readonly #lock: Lock;
  readonly #stores: Store[] = [];
  readonly #closing = new AbortController();
  #id = "";
  #owned = false;
  #owner: Owner | undefined;
  #lastFailure = "";
  #claiming: Promise<void> = Promise.resolve();

  constructor(path: string, logger: Logger, uploads = new Uploads()) {
    this.path = path;
    this.uploads = uploads;
    this.#logger = logger;
    this.#lock = new Lock(path);
  }

  get isOwned(): boolean {
    return this.#owned;
  }

  /** Unique id, reported as the organization's id; empty before `open`. */
  get id(): string {
    return this.#id;
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  addStore(store: Store): void {
    this.#stores.push(store);
  }

  /** Becomes the owner, now or once the present owner has ended. Rejects if the directory cannot be used. */
  async open(): Promise<void> {
    try {
      await restrictDirectory(this.path, this.#logger);
      await this.#checkFormat();
    } catch (error) {
      const reason = whyUnusable(error);
      if (reason === undefined) throw error;
      const { path } = this;
      throw new DescribedError(
        `The data directory is '${path}', ${reason}. Choose another one.`,
        describe("data_directory_unusable", { path, reason: describeDirectoryFault(error) }),
        { cause: error },
      );
    }
    if (await this.#claim()) return;
    this.#logInUse();
    this.#claiming = this.#claimLater();
  }

  /** Resolves once this process may write. Throws `ApiError` 409 if another process is the owner. */
  async requireOwned(): Promise<void> {
    const timeout = AbortSignal.timeout(OWNERSHIP_TIMEOUT_MS);
    while (!this.#owned) {
      if (timeout.aborted || this.#closing.signal.aborted) throw dataDirectoryInUse(this.path, this.#owner?.pid);
      await delay(CLAIM_INTERVAL_MS / 10);
    }
  }

  /** Resolves after the last write, when another process may become the owner. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#claiming;
    if (this.#owned) await this.#releaseOwnership();
  }

  /** Does not warn at a restart, where the previous server in this same process is still finishing its requests. */
  #logInUse(): void {
    const pid = this.#owner?.pid;
    if (pid === process.pid) this.#logger.info("files and batches are read-only until the previous server has stopped");
    else
      this.#logger.warn(
        `${this.path} is in use by process ${pid}: files and batches are read-only here. Stop that process, or choose another data directory.`,
      );
  }

  async #claimLater(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      // ends early when the server closes
      await delay(CLAIM_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      if (await this.#claim().catch((error: Error) => this.#logFailure(error))) {
        this.#logger.info("files and batches can be written again");
        return;
      }
    }
  }

  /** Logs a failure, once; a later attempt may succeed, as on a full disk. */
  #logFailure(error: Error): boolean {
    const message = errorText(error);
    if (message !== this.#lastFailure) this.#logger.error(`storage: ${message}`);
    this.#lastFailure = message;
    return false;
  }

  async #claim(): Promise<boolean> {
    this.#owner = await this.#lock.acquire();
    if (this.#owner) return false;
    try {
      await rm(this.at("drafts"), { recursive: true, force: true });
      await removeLeftoverDrafts(this.path);
      await restrictContents(this.path, this.#logger);
      for (const name of ["drafts", "files", "batches", "usage"]) await makePrivateDirectory(this.at(name));
    } catch (error) {
      await this.#lock.release();
      throw error;
    }
    try {
      for (const store of this.#stores) await store.onAcquire();
    } catch (error) {
      // a store that failed halfway must not be started again
      this.#closing.abort();
      await this.#releaseOwnership();
      throw error;
    }
    this.#owned = true;
    return true;
  }

  async #releaseOwnership(): Promise<void> {
    await this.uploads.drain();
    await Promise.all(this.#stores.map((store) => store.onRelease()));
    this.#owned = false;
    // the next owner notices that this process has ended
    await this.#lock.release().catch((error: Error) => this.#logFailure(error));
  }

  async #checkFormat(): Promise<void> {
    const path = this.at("version.json");
    const stored = await readVersion(path);
    const version = stored ?? { format: FORMAT_VERSION, id: randomUUID() };
    if (version.format > FORMAT_VERSION) {
      const { path } = this;
      throw new DescribedError(
        `${this.path} was written by a later version (format ${version.format}). Update Claude Virtual API, or choose another data directory.`,
        describe("data_directory_newer", { path, format: version.format }),
      );
    }
    this.#id = version.id;
    if (!stored) await writeJson(path, version);
  }
}

async function readVersion(path: string): Promise<z.infer<typeof storedVersion> | undefined> {
  try {
    return await readJson(path, storedVersion);
  } catch (error) {
    if (!(error instanceof DamagedFile)) throw error;
    throw new DescribedError(
      `${path} cannot be read. Repair the file, or choose another data directory.`,
      describe("data_file_unreadable", { path }),
      { cause: error },
    );
  }
}
