import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { dataDirectoryInUse } from "../api/errors.ts";
import { isMissing } from "../api/systemErrors.ts";
import { whyUnusable } from "../shared/directories.ts";
import type { Logger } from "../shared/logger.ts";
import { makePrivateDirectory } from "../shared/privateFiles.ts";
import { writeDurably } from "./durable.ts";
import { removeLeftoverDrafts } from "./leftovers.ts";
import { Lock, type Owner } from "./lock.ts";
import { restrictContents, restrictDirectory } from "./permissions.ts";
import { formatJson } from "./stagingDir.ts";
import { Uploads } from "./uploads.ts";

/** The format this version writes; a directory of a later one is left alone. */
const FORMAT_VERSION = 1;

/** Milliseconds between two attempts to become the owner: the end of another one must be noticed within 5 s. */
const CLAIM_INTERVAL_MS = 500;

/** Milliseconds that a request to write waits for the directory to become ours, as after a restart. */
const OWNERSHIP_TIMEOUT_MS = 3000;

/** What works on the directory while it is ours. */
export interface Store {
  /** Called once, when the directory has become ours and before anybody writes. */
  onAcquire(): Promise<void>;
  /** Resolves when nothing is written any more. */
  onRelease(): Promise<void>;
}

/**
 * Where everything is kept that outlives a restart. One process writes; another that is started on the same directory
 * reads, and becomes the writer when the first has ended. Other users can neither read nor write.
 *
 *     version.json    the format, and an id that stays
 *     lock            who writes
 *     secret          by which VS Code's windows recognize the servers of this directory
 *     files/ batches/ usage/
 *     drafts/         what is not complete yet; emptied at each start
 */
export class DataDirectory {
  readonly path: string;
  /** What clients are sending to be stored here. */
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

  /** Whether this process writes here. */
  get owned(): boolean {
    return this.#owned;
  }

  /** What tells this directory from others, as an organization's id does; empty before it was opened. */
  get id(): string {
    return this.#id;
  }

  /** A path inside. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  addStore(store: Store): void {
    this.#stores.push(store);
  }

  /** Becomes the owner, now or as soon as the present one has ended. Rejects where the directory cannot be used. */
  async open(): Promise<void> {
    try {
      await restrictDirectory(this.path, this.#logger);
      await this.#checkFormat();
    } catch (error) {
      const reason = whyUnusable(error);
      if (reason === undefined) throw error;
      throw new Error(`The data directory is '${this.path}', ${reason}. Choose another one.`, { cause: error });
    }
    if (await this.#claim()) return;
    this.#logInUse();
    this.#claiming = this.#claimLater();
  }

  /** Resolves when this process may write. Throws `ApiError` 409 when another one does. */
  async requireOwned(): Promise<void> {
    const patience = AbortSignal.timeout(OWNERSHIP_TIMEOUT_MS);
    while (!this.#owned) {
      if (patience.aborted || this.#closing.signal.aborted) throw dataDirectoryInUse(this.path, this.#owner?.pid);
      await delay(CLAIM_INTERVAL_MS / 10);
    }
  }

  /** Resolves when nothing is written any more and the next one may own the directory. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#claiming;
    if (this.#owned) await this.#leave();
  }

  /** At a restart, the server before this one ends its requests in the same process, which is no cause for a warning. */
  #logInUse(): void {
    const pid = this.#owner?.pid;
    if (pid === process.pid)
      this.#logger.info("files and batches are read-only until the server before this one has ended");
    else this.#logger.warn(`${this.path} is in use by process ${pid}: files and batches are read-only here`);
  }

  async #claimLater(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await delay(CLAIM_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      if (await this.#claim().catch((error: Error) => this.#failed(error))) {
        this.#logger.info("files and batches can be written again");
        return;
      }
    }
  }

  /** What fails now, as on a full disk, may succeed the next time. */
  #failed({ message }: Error): boolean {
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
      await restrictContents(this.path);
      for (const name of ["drafts", "files", "batches", "usage"]) await makePrivateDirectory(this.at(name));
    } catch (error) {
      await this.#lock.release();
      throw error;
    }
    try {
      for (const store of this.#stores) await store.onAcquire();
    } catch (error) {
      // who has moved in by half may not try again
      this.#closing.abort();
      await this.#leave();
      throw error;
    }
    this.#owned = true;
    return true;
  }

  async #leave(): Promise<void> {
    await this.uploads.drain();
    await Promise.all(this.#stores.map((store) => store.onRelease()));
    this.#owned = false;
    // the next one notices that this process is gone
    await this.#lock.release().catch((error: Error) => this.#failed(error));
  }

  async #checkFormat(): Promise<void> {
    const path = this.at("version.json");
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    const version = text === undefined ? { format: FORMAT_VERSION, id: randomUUID() } : parseVersion(text, path);
    if (version.format > FORMAT_VERSION) {
      throw new Error(
        `${this.path} was written by a later version (format ${version.format}). Update Claude Virtual API, or choose another data directory.`,
      );
    }
    this.#id = version.id;
    if (text === undefined) await writeDurably(path, formatJson(version));
  }
}

function parseVersion(text: string, path: string): { format: number; id: string } {
  try {
    const { format, id } = JSON.parse(text);
    if (Number.isInteger(format) && typeof id === "string") return { format, id };
  } catch {
    // told below
  }
  throw new Error(`${path} cannot be read. Mend it, or choose another data directory.`);
}
