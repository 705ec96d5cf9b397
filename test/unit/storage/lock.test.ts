import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Lock } from "../../../src/storage/lock.ts";
import { startContender } from "./contender.ts";

const onLinux = process.platform === "linux";

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "claude-virtual-api-lock-"));
});
afterEach(() => rm(path, { recursive: true }));

/** Both clocks, set by the tests. */
const time = { monotonic: 0, wall: 0 };
const clock = { monotonic: () => time.monotonic, wall: () => time.wall };
beforeEach(() => void Object.assign(time, { monotonic: 0, wall: Date.now() }));

const leave = (content: string | object, name = "lock") =>
  writeFile(join(path, name), typeof content === "string" ? content : JSON.stringify(content));
const owner = async () => JSON.parse(await readFile(join(path, "lock"), "utf8"));
const expectOnlyTheLock = async () => expect(await readdir(path)).toEqual(["lock"]);

/** The lock of a killed process, whose pid this process now has. */
const GONE = { pid: process.pid, since: 0, started: null, nonce: "gone" };

describe("within one process", () => {
  it("is held once, and names its owner", async () => {
    const [first, second] = [new Lock(path), new Lock(path)];
    const before = Date.now();
    expect(await first.acquire()).toBeUndefined();
    const stored = await owner();
    expect(stored).toMatchObject({ pid: process.pid, nonce: expect.any(String) });
    expect(stored.since).toBeGreaterThanOrEqual(before);
    expect(await second.acquire()).toEqual(stored);
    await expectOnlyTheLock();
  });

  it("goes to the next owner when its own owner releases it, but not when another lock is released", async () => {
    const [first, second] = [new Lock(path), new Lock(path)];
    await first.acquire();
    await second.release();
    expect((await second.acquire())?.pid).toBe(process.pid);
    await first.release();
    expect(await readdir(path)).toEqual([]);
    expect(await second.acquire()).toBeUndefined();
    await first.release();
    await expectOnlyTheLock();
  });

  it("goes to one of many concurrent contenders", async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => new Lock(path).acquire()));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
    await expectOnlyTheLock();
  });

  it("goes to one of many contenders that find its owner dead", async () => {
    for (let round = 0; round < 10; round++) {
      await leave(GONE);
      const answers = await Promise.all(Array.from({ length: 30 }, () => new Lock(path).acquire()));
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
      expect((await owner()).nonce).not.toBe(GONE.nonce);
      await expectOnlyTheLock();
    }
  });
});

describe("between processes", () => {
  it("is held once, and is free when its owner was killed", async () => {
    await using other = startContender();
    expect(await other.take(path)).toBe("ours");
    expect((await new Lock(path).acquire())?.pid).toBe(other.pid);
    await using third = startContender();
    expect(await third.take(path)).toBe(String(other.pid));
    await other.kill();
    expect(await new Lock(path).acquire()).toBeUndefined();
    expect(await third.take(path)).toBe(String(process.pid));
    await expectOnlyTheLock();
  });

  it("goes to one of several contenders that find its owner dead", async () => {
    await using one = startContender();
    await using two = startContender();
    await using three = startContender();
    const contenders = [one, two, three];
    for (let round = 0; round < 25; round++) {
      const directory = join(path, String(round));
      await mkdir(directory);
      await leave(GONE, `${round}/lock`);
      const answers = await Promise.all(contenders.map((contender) => contender.take(directory)));
      expect(answers.filter((answer) => answer === "ours")).toHaveLength(1);
      const winner = contenders[answers.indexOf("ours")];
      expect(JSON.parse(await readFile(join(directory, "lock"), "utf8")).pid).toBe(winner?.pid);
      expect(await readdir(directory)).toEqual(["lock"]);
    }
  });
});

describe("an owner whose pid was reused", () => {
  it("is dead if it is older than the machine's start", async () => {
    await leave({ ...GONE, pid: process.ppid, since: Date.now() - 1000 * uptime() - 3600_000 });
    expect(await new Lock(path).acquire()).toBeUndefined();
  });

  it("is dead if it is older than this process, which has its pid", async () => {
    await leave({ ...GONE, since: Date.now() - 1000 * process.uptime() - 3600_000 });
    expect(await new Lock(path).acquire()).toBeUndefined();
  });

  it.runIf(onLinux)("is dead if the process has another start time", async () => {
    await using other = startContender();
    expect(await other.take(path)).toBe("ours");
    const real = await owner();
    await leave({ ...real, started: String(Number(real.started) - 1) });
    expect(await new Lock(path).acquire()).toBeUndefined();
    // the counter-check: with the right start time it is alive
    await leave(real);
    expect(await new Lock(path).acquire()).toEqual(real);
  });
});

describe.runIf(onLinux)("an owner on this machine", () => {
  it("keeps the lock if the clock is set forward", async () => {
    await using other = startContender();
    expect(await other.take(path)).toBe("ours");
    const real = await owner();
    await leave({ ...real, since: real.since - 365 * 24 * 3600_000 });
    expect((await new Lock(path).acquire())?.pid).toBe(other.pid);
  });

  it("is dead if it is from an earlier boot", async () => {
    await using other = startContender();
    expect(await other.take(path)).toBe("ours");
    await leave({ ...(await owner()), boot: "an earlier one" });
    expect(await new Lock(path).acquire()).toBeUndefined();
  });
});

describe("a remote owner, as in a container", () => {
  // its pid means nothing here, even if a local process has the same
  const ELSEWHERE = { ...GONE, since: Date.now(), place: "another-host pid:[1]" };

  it("keeps the lock as long as it sends heartbeats", async () => {
    await leave(ELSEWHERE);
    expect(await new Lock(path).acquire()).toEqual(ELSEWHERE);
    await leave({ ...ELSEWHERE, pid: 2 ** 30 });
    expect(await new Lock(path).acquire()).toMatchObject({ pid: 2 ** 30 });
    await utimes(join(path, "lock"), 0, 0);
    const lock = new Lock(path, undefined, clock);
    expect(await lock.acquire()).toMatchObject({ pid: 2 ** 30 });
    time.monotonic += 7000;
    expect(await lock.acquire()).toBeUndefined();
    await expectOnlyTheLock();
  });

  it("keeps the lock if the clock is set forward and its next heartbeat arrives", async () => {
    await leave(ELSEWHERE);
    const lock = new Lock(path, undefined, clock);
    time.wall += 3600_000;
    expect(await lock.acquire()).toEqual(ELSEWHERE);
    time.monotonic += 5500;
    await utimes(join(path, "lock"), new Date(), new Date());
    expect(await lock.acquire()).toEqual(ELSEWHERE);
    time.monotonic += 5500;
    expect(await lock.acquire()).toEqual(ELSEWHERE);
  });

  it("is dead without heartbeats, even if the clock is set back", async () => {
    await leave(ELSEWHERE);
    const lock = new Lock(path, undefined, clock);
    time.wall -= 3600_000;
    expect(await lock.acquire()).toEqual(ELSEWHERE);
    time.monotonic += 29_000;
    expect(await lock.acquire()).toEqual(ELSEWHERE);
    time.monotonic += 1000;
    expect(await lock.acquire()).toBeUndefined();
  });

  it("receives our heartbeats", async () => {
    const lock = new Lock(path, 5);
    expect(await lock.acquire()).toBeUndefined();
    await utimes(join(path, "lock"), 0, 0);
    await expect.poll(async () => (await stat(join(path, "lock"))).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
    await lock.release();
  });
});

describe("a lock file", () => {
  it.each([
    ["is empty", ""],
    ["is torn", '{"pid":12'],
    ["is bytes of a power cut", "\0".repeat(100)],
    ["is null", "null"],
    ["is a number", "5"],
    ["is a list", "[]"],
    ["is a text", '"mine"'],
    ["is an empty object", "{}"],
    ["names no process", '{"pid":"x","since":9e15,"started":null,"nonce":"n"}'],
    ["names a group of processes", '{"pid":-1,"since":9e15,"started":null,"nonce":"n"}'],
  ])("that %s has no owner", async (_name, content) => {
    await leave(content);
    const [first, second] = [new Lock(path), new Lock(path)];
    expect(await first.acquire()).toBeUndefined();
    expect((await second.acquire())?.pid).toBe(process.pid);
    await first.release();
    expect(await readdir(path)).toEqual([]);
  });

  it("is not replaced during another takeover, unless that one was abandoned", async () => {
    await leave(GONE);
    await leave("{}", "lock.takeover");
    expect(await new Lock(path).acquire()).toEqual(GONE);
    expect(await owner()).toEqual(GONE);
    const lock = new Lock(path, undefined, clock);
    await lock.acquire();
    time.monotonic += 5001;
    await lock.acquire();
    expect(await lock.acquire()).toBeUndefined();
    await expectOnlyTheLock();
  });
});
