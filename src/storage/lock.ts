import { randomUUID } from "node:crypto";
import { link, readFile, readlink, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname, uptime } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { isMissing, isOutOfHandles } from "../api/systemErrors.ts";
import { type Clock, systemClock } from "../shared/clock.ts";
import { placeFile } from "../shared/placeFile.ts";
import { DamagedFile, readJson } from "./jsonFile.ts";

/** The owner of a directory, as its `lock` file names it. */
export interface Owner {
  pid: number;
  /** Milliseconds since the epoch. */
  since: number;
  /** The process's start time in the system's units, because pids are reused; null if unavailable. */
  started: string | null;
  /** Boot id (Linux): pids and start times mean something only within one boot. */
  boot?: string | undefined;
  /** Host name plus, on Linux, the PID namespace: a pid means something only within it. */
  place?: string | undefined;
  /** Distinguishes two owners in one process. */
  nonce: string;
}

const storedOwner: z.ZodType<Owner> = z.object({
  pid: z.number(),
  since: z.number(),
  started: z.string().nullable(),
  boot: z.string().optional(),
  place: z.string().optional(),
  nonce: z.string(),
});

/** Milliseconds after which an unfinished takeover counts as abandoned. */
const TAKEOVER_TIMEOUT_MS = 5000;

/** Milliseconds between two heartbeats, for processes that cannot see the owner's pid. */
const HEARTBEAT_MS = 5000;
/** Milliseconds without a heartbeat after which a remote owner counts as gone. */
const HEARTBEAT_TIMEOUT_MS = 30_000;
/** Milliseconds to watch an owner whose last heartbeat looks too old: a clock set forward makes a live one look so. */
const OBSERVATION_MS = 1.2 * HEARTBEAT_MS;

/**
 * Makes one owner in one process the only writer of a directory. The complete file is linked into place, so that only
 * one of several contenders succeeds. A dead owner's file is replaced under a second lock, so that a newer one is never
 * removed.
 */
export class Lock {
  readonly #path: string;
  readonly #nonce = randomUUID();
  readonly #heartbeatMs: number;
  readonly #clock: Clock;
  /** Other owners' files as last seen, with the monotonic time since which they are unchanged. */
  readonly #observations = new Map<string, { stamp: string; since: number }>();
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(directory: string, heartbeatMs = HEARTBEAT_MS, clock = systemClock) {
    this.#path = join(directory, "lock");
    this.#clock = clock;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Resolves with undefined if the lock is acquired, else with its owner. */
  async acquire(): Promise<Owner | undefined> {
    const other = await this.#tryAcquire();
    // a failed heartbeat needs no log line: the next one follows
    if (!other)
      this.#heartbeat ??= setInterval(() => void touch(this.#path).catch(() => {}), this.#heartbeatMs).unref();
    return other;
  }

  async #tryAcquire(): Promise<Owner | undefined> {
    if (await this.#create(this.#path)) return undefined;
    const owner = await readOwner(this.#path);
    if (!owner) return this.#tryAcquire();
    const isHere = owner.place === undefined || owner.place === (await currentPlace());
    const lives = isHere ? await isAlive(owner) : await this.#hasHeartbeat();
    return lives ? owner : this.#takeOver(owner);
  }

  /** Rejects if the file cannot be removed; the lock is then held until this process ends. */
  async release(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    await this.#remove().catch(() => this.#remove());
  }

  async #remove(): Promise<void> {
    if ((await readOwner(this.#path))?.nonce === this.#nonce) await rm(this.#path, { force: true });
  }

  /** Whether a remote owner has touched its file lately. A dead one is detected only after a while. */
  async #hasHeartbeat(): Promise<boolean> {
    const { mtime, unchanged } = await this.#observe(this.#path);
    return unchanged < (this.#clock.wall() - mtime > HEARTBEAT_TIMEOUT_MS ? OBSERVATION_MS : HEARTBEAT_TIMEOUT_MS);
  }

  /** Returns a file's modification time, and for how long it has been observed unchanged. */
  async #observe(path: string): Promise<{ mtime: number; unchanged: number }> {
    const { mtimeMs: mtime, ino } = await stat(path).catch((error) => {
      if (isMissing(error)) return { mtimeMs: 0, ino: 0 };
      throw error;
    });
    const stamp = `${ino} ${mtime}`;
    const now = this.#clock.monotonic();
    const seen = this.#observations.get(path);
    if (seen?.stamp === stamp) return { mtime, unchanged: now - seen.since };
    this.#observations.set(path, { stamp, since: now });
    return { mtime, unchanged: 0 };
  }

  async #takeOver(dead: Owner): Promise<Owner | undefined> {
    const takeover = `${this.#path}.takeover`;
    if (!(await this.#create(takeover))) {
      if ((await this.#observe(takeover)).unchanged > TAKEOVER_TIMEOUT_MS) await rm(takeover, { force: true });
      return dead;
    }
    try {
      const owner = await readOwner(this.#path);
      if (owner && owner.nonce !== dead.nonce) return owner;
      await this.#write(this.#path, rename);
      return undefined;
    } finally {
      // an abandoned takeover is removed after a while
      await rm(takeover, { force: true }).catch(() => {});
    }
  }

  async #create(path: string): Promise<boolean> {
    try {
      await this.#write(path, link);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }

  async #write(path: string, move: typeof link): Promise<void> {
    const me: Owner = {
      pid: process.pid,
      since: Date.now(),
      started: await processStart(process.pid),
      place: await currentPlace(),
      boot: await bootId(),
      nonce: this.#nonce,
    };
    await placeFile(path, (file) => file.writeFile(`${JSON.stringify(me)}\n`), move);
  }
}

/** Returns the owner that a lock file names; undefined if there is no file, and a dead owner if it cannot be read. */
async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return await readJson(path, storedOwner);
  } catch (error) {
    if (error instanceof DamagedFile) return { pid: 0, since: 0, started: null, nonce: "" };
    throw error;
  }
}

async function currentPlace(): Promise<string> {
  // only Linux has this file, and some sandboxes hide it
  const ids = await readlink("/proc/self/ns/pid").catch(() => "");
  return `${hostname()} ${ids}`.trim();
}

const touch = (path: string): Promise<void> => utimes(path, new Date(), new Date());

async function isAlive({ pid, since, started, boot }: Owner): Promise<boolean> {
  if (pid <= 0) return false;
  const known = await bootId();
  if (boot && known) {
    if (boot !== known) return false;
  } else if (isBefore(since, pid === process.pid ? process.uptime() : uptime())) return false;
  if (started !== null && (await processStart(pid)) !== started) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Compares wall clock times, for systems that report neither a boot id nor process start times. */
function isBefore(since: number, uptimeSeconds: number): boolean {
  return since < Date.now() - 1000 * uptimeSeconds - CLOCK_TOLERANCE_MS;
}

/** Identifies the current boot without relying on clocks (Linux); empty elsewhere. */
async function bootId(): Promise<string> {
  return (await readProc("/proc/sys/kernel/random/boot_id")).trim();
}

/** Reads field 22 of `/proc/PID/stat` (Linux). The name in field 2 may contain spaces and brackets. */
async function processStart(pid: number): Promise<string | null> {
  const stat = await readProc(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

/** Empty if the system has no such file. Throws without a free file handle, since a living owner would look dead. */
function readProc(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error) => {
    if (isOutOfHandles(error)) throw error;
    return "";
  });
}

/** Milliseconds by which the clock may have been adjusted. */
const CLOCK_TOLERANCE_MS = 60_000;
