import { randomUUID } from "node:crypto";
import { link, readFile, readlink, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, uptime } from "node:os";
import { join } from "node:path";
import { isMissing } from "../api/systemErrors.ts";
import { type Clock, systemClock } from "../shared/clock.ts";
import { PRIVATE_FILE } from "../shared/privateFiles.ts";

/** Who owns a directory, as its `lock` file says for a person to read. */
export interface Owner {
  pid: number;
  /** Milliseconds since the epoch. */
  since: number;
  /** When the process was started, in the system's own count, since its id may be given to another one; null where that cannot be asked. */
  started: string | null;
  /** The run of the machine (Linux), since ids and counts begin anew with each. */
  boot?: string;
  /** Where the process is seen by its id: the host, and on Linux its space of ids, since a container has one of its own. */
  place?: string;
  /** Tells two owners in one process apart. */
  nonce: string;
}

/** Milliseconds after which a takeover that was never finished is given up for dead. */
const TAKEOVER_TIMEOUT_MS = 5000;

/** Milliseconds between the signs of life that an owner gives to those who cannot ask for its process. */
const HEARTBEAT_MS = 5000;
/** Milliseconds without a sign of life after which an owner elsewhere is gone. */
const HEARTBEAT_TIMEOUT_MS = 30_000;
/** Milliseconds to watch an owner that seems silent for so long: a clock set forward makes a living one look so. */
const OBSERVATION_MS = 1.2 * HEARTBEAT_MS;

/**
 * Makes one process, and one owner in it, the only writer of a directory. The file is linked into place whole, so that
 * of several who try, one succeeds; that of a process which is gone is replaced under a second lock, so that nobody
 * removes a newer one.
 */
export class Lock {
  readonly #path: string;
  readonly #nonce = randomUUID();
  readonly #heartbeatMs: number;
  readonly #clock: Clock;
  /** What was seen of the files of others, and by the monotonic clock since when they have not changed. */
  readonly #sightings = new Map<string, { stamp: string; since: number }>();
  #heartbeat: NodeJS.Timeout | undefined;

  /** `beat` is the time between two signs of life, in milliseconds. */
  constructor(directory: string, beat = HEARTBEAT_MS, clock = systemClock) {
    this.#path = join(directory, "lock");
    this.#clock = clock;
    this.#heartbeatMs = beat;
  }

  /** Resolves with undefined when the lock is ours now, else with whoever has it. */
  async acquire(): Promise<Owner | undefined> {
    const other = await this.#take();
    // a file that is gone for a moment is not worth a word: the next sign follows
    if (!other)
      this.#heartbeat ??= setInterval(() => void touch(this.#path).catch(() => {}), this.#heartbeatMs).unref();
    return other;
  }

  async #take(): Promise<Owner | undefined> {
    if (await this.#create(this.#path)) return undefined;
    const owner = await read(this.#path);
    if (!owner) return this.#take();
    const isHere = owner.place === undefined || owner.place === (await place());
    const lives = isHere ? await isAlive(owner) : await this.#hasHeartbeat();
    return lives ? owner : this.#takeOver(owner);
  }

  /** Rejects where the file cannot be removed: it stays this process's as long as that lives. */
  async release(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    await this.#remove().catch(() => this.#remove());
  }

  async #remove(): Promise<void> {
    if ((await read(this.#path))?.nonce === this.#nonce) await rm(this.#path, { force: true });
  }

  /** Whether an owner elsewhere has touched its file lately; it may take a while until a dead one is known to be. */
  async #hasHeartbeat(): Promise<boolean> {
    const { mtime, unchanged } = await this.#observe(this.#path);
    return unchanged < (this.#clock.wall() - mtime > HEARTBEAT_TIMEOUT_MS ? OBSERVATION_MS : HEARTBEAT_TIMEOUT_MS);
  }

  /** When a file was changed, by its own word, and for how long it has been seen unchanged. */
  async #observe(path: string): Promise<{ mtime: number; unchanged: number }> {
    const { mtimeMs: mtime, ino } = await stat(path).catch(() => ({ mtimeMs: 0, ino: 0 }));
    const stamp = `${ino} ${mtime}`;
    const now = this.#clock.monotonic();
    const seen = this.#sightings.get(path);
    if (seen?.stamp === stamp) return { mtime, unchanged: now - seen.since };
    this.#sightings.set(path, { stamp, since: now });
    return { mtime, unchanged: 0 };
  }

  async #takeOver(gone: Owner): Promise<Owner | undefined> {
    const takeover = `${this.#path}.takeover`;
    if (!(await this.#create(takeover))) {
      if ((await this.#observe(takeover)).unchanged > TAKEOVER_TIMEOUT_MS) await rm(takeover, { force: true });
      return gone;
    }
    try {
      const owner = await read(this.#path);
      if (owner && owner.nonce !== gone.nonce) return owner;
      const draft = await this.#draft();
      await rename(draft, this.#path);
      return undefined;
    } finally {
      await rm(takeover, { force: true }).catch(() => {});
    }
  }

  async #create(path: string): Promise<boolean> {
    const draft = await this.#draft();
    try {
      await link(draft, path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return false;
      // another server that has become the owner clears all drafts
      if (code === "ENOENT") return await this.#create(path);
      throw error;
    } finally {
      // one that stays is cleared at the next start, and must not cost the lock that was taken with it
      await rm(draft, { force: true }).catch(() => {});
    }
  }

  async #draft(): Promise<string> {
    const draft = `${this.#path}.${randomUUID()}`;
    const { pid } = process;
    const me: Owner = {
      ...{ pid, since: Date.now(), started: await startOf(pid), place: await place(), boot: await bootId() },
      nonce: this.#nonce,
    };
    try {
      await writeFile(draft, `${JSON.stringify(me)}\n`, { mode: PRIVATE_FILE });
    } catch (error) {
      // a full disk still takes the name of a file
      await rm(draft, { force: true });
      throw error;
    }
    return draft;
  }
}

/** The owner a lock file names; undefined where there is no file. One that cannot be read is nobody alive. */
async function read(path: string): Promise<Owner | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const owner: unknown = JSON.parse(text);
    if (typeof owner === "object" && owner !== null) return owner as Owner;
  } catch {
    // told below
  }
  return { pid: 0, since: 0, started: null, nonce: "" };
}

async function place(): Promise<string> {
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
  if (started !== null && (await startOf(pid)) !== started) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** What the wall clock says, for systems that name neither the run of the machine nor the start of a process. */
function isBefore(since: number, uptimeSeconds: number): boolean {
  return since < Date.now() - 1000 * uptimeSeconds - CLOCK_TOLERANCE_MS;
}

/** Tells one run of the machine from the next, since clocks are set (Linux); empty elsewhere. */
async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}

/** Field 22 of `/proc/PID/stat` (Linux); the name before it may hold spaces and brackets. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

/** Milliseconds by which the clock may have been set since. */
const CLOCK_TOLERANCE_MS = 60_000;
