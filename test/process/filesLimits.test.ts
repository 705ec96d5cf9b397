import { execFileSync } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  aFile,
  expectStored,
  FORM_END,
  FORM_TYPE,
  form,
  KEY,
  listed,
  partHead,
  postForm,
  upload,
} from "../support/forms.ts";
import { FULL, itThorough, QUICK } from "../support/full.ts";
import { scratchHome, simple, until } from "../support/harness.ts";
import { expectRefusal, type RawAnswer, rawRequest } from "../support/rawRequest.ts";
import { startServerProcess } from "../support/serverProcess.ts";

const onLinux = process.platform === "linux";
const MEGABYTE = 1024 * 1024;

const dataOf = (server: { home: string }) => join(server.home, "data");

/** Uploads megabytes that are generated while sent, each different from the one before. */
async function uploadLarge(url: string, megabytes: number): Promise<{ answer: RawAnswer; hash: string }> {
  const { hostname, port } = new URL(url);
  const headers = { ...KEY, "content-type": FORM_TYPE };
  const outgoing = request({ hostname, port, method: "POST", path: "/v1/files", headers, agent: false });
  const response = once(outgoing, "response");
  const hash = createHash("sha256");
  outgoing.write(partHead(aFile({ filename: "large.bin" })));
  for (let each = 0; each < megabytes; each++) {
    const chunk = Buffer.alloc(MEGABYTE, each);
    hash.update(chunk);
    if (!outgoing.write(chunk)) await once(outgoing, "drain");
  }
  outgoing.end(FORM_END);
  const [incoming] = await response;
  let text = "";
  for await (const chunk of incoming) text += chunk;
  return { answer: { status: incoming.statusCode, headers: incoming.headers, text }, hash: hash.digest("hex") };
}

async function hashOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** Resident bytes of a process: now, or the peak since `forgetPeak`. */
async function memory(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
}

const forgetPeak = (pid: number) => writeFile(`/proc/${pid}/clear_refs`, "5");

describe.runIf(onLinux)("a large upload", () => {
  const megabytes = FULL ? 500 : 100;

  it(`of ${megabytes} MB takes at most 50 MB of memory`, async () => {
    await using server = await startServerProcess();
    const pid = server.child.pid as number;
    await upload(server.url, aFile());
    await forgetPeak(pid);
    const idle = await memory(pid, "VmRSS");
    const { answer, hash } = await uploadLarge(server.url, megabytes);
    const peak = await memory(pid, "VmHWM");
    expect(answer.status).toBe(200);
    const { id, size_bytes } = JSON.parse(answer.text);
    expect(size_bytes).toBe(megabytes * MEGABYTE);
    expect(await hashOf(join(dataOf(server), "files", id, "content.bin"))).toBe(hash);
    expect((peak - idle) / MEGABYTE).toBeLessThan(50);
  });
});

/** Sends the first bytes of a form and disconnects. */
async function cutOff(url: string, body: Buffer, length: number, meanwhile = async () => {}): Promise<void> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const head = `POST /v1/files HTTP/1.1\r\nhost: localhost\r\nx-api-key: k\r\ncontent-type: ${FORM_TYPE}\r\n`;
  socket.write(`${head}content-length: ${body.length}\r\n\r\n`);
  await new Promise<void>((resolve) => socket.write(body.subarray(0, length), () => resolve()));
  await meanwhile();
  socket.destroy();
}

describe("an upload that the client breaks off", () => {
  it("leaves nothing behind, at whichever byte", async () => {
    await using server = await startServerProcess();
    const body = form({ name: "expires_in_seconds", content: "3600" }, aFile());
    let cuts = 0;
    const noticed = () => server.output.stderr.split("POST /v1/files (client gone)").length - 1;
    for (let length = 0; length < body.length; length += FULL ? 1 : QUICK ? 53 : 17) {
      cuts += 1;
      await cutOff(server.url, body, length);
      await until(() => noticed() === cuts);
    }
    await expectStored(server.url, dataOf(server), []);
    expect(server.output.stderr).not.toContain("[error]");
  });

  it("leaves nothing behind of megabytes already on the disk", async () => {
    await using server = await startServerProcess();
    const drafts = join(dataOf(server), "drafts");
    const body = form(aFile({ filename: "a.bin", content: Buffer.alloc(8 * MEGABYTE) }));
    const stored = async () => {
      const [id] = await readdir(drafts);
      return id !== undefined && (await stat(join(drafts, id, "content.bin"))).size > 6 * MEGABYTE;
    };
    await cutOff(server.url, body, 7 * MEGABYTE, () => until(() => stored().catch(() => false)));
    await expectStored(server.url, dataOf(server), []);
  });
});

/** Mounts a small disk; undefined if that is not permitted. */
function smallDisk(path: string, megabytes: number): AsyncDisposable | undefined {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return { [Symbol.asyncDispose]: async () => void execFileSync("umount", ["-l", path]) };
}

describe.runIf(onLinux)("on a full disk", () => {
  it("uploads are rejected, stored files stay complete, and uploads work again once there is room", async ({
    skip,
  }) => {
    await using scratch = await scratchHome();
    await using disk = smallDisk(scratch.home, 16);
    if (!disk) skip("a separate disk may not be mounted here");
    const dataDir = join(scratch.home, "data");
    await using server = await startServerProcess(["--data-dir", dataDir]);
    const expectFull = (answer: RawAnswer) => {
      const words = "The disk is full. Nothing was stored; what was stored before is kept.";
      expectRefusal(answer, 500, "api_error", words, { error_code: "storage_failed" });
      expect(answer.headers["x-should-retry"]).toBe("false");
    };
    const kept = await upload(server.url, aFile({ content: "kept" }));
    const large = Buffer.alloc(20 * MEGABYTE, 1);
    expectFull(await postForm(server.url, form(aFile({ content: large }))));
    await expectStored(server.url, dataDir, [kept.id]);

    const filler = join(scratch.home, "filler");
    await writeFile(filler, large).catch(() => {});
    expectFull(await postForm(server.url, form(aFile())));
    await expectStored(server.url, dataDir, [kept.id]);
    const asked = await server.post(simple([{ type: "document", source: { type: "file", file_id: kept.id } }]));
    expect(asked.status).toBe(200);
    expect(server.fakeApi.messages[0]?.body.messages[0].content[0].source.data).toBe("kept");

    await rm(filler);
    const next = await upload(server.url, aFile({ content: large.subarray(0, 8 * MEGABYTE) }));
    await expectStored(server.url, dataDir, [kept.id, next.id]);
    expect(await readFile(join(dataDir, "files", kept.id, "content.txt"), "utf8")).toBe("kept");
  });
});

describe("a server that is killed during uploads", () => {
  it("has every acknowledged file complete, and no part of another", async () => {
    await using scratch = await scratchHome();
    const dataDir = join(scratch.home, "data");
    const sent = new Map<string, string>();
    const acknowledged = new Set<string>();
    for (let round = 0; round < (FULL ? 25 : QUICK ? 2 : 4); round++) {
      await using server = await startServerProcess(["--data-dir", dataDir]);
      const enough = acknowledged.size + randomInt(1, 8);
      const client = async () => {
        for (;;) {
          const content = randomBytes(randomInt(1, 3 * MEGABYTE));
          const filename = `${sent.size}.bin`;
          sent.set(filename, createHash("sha256").update(content).digest("hex"));
          const answer = await postForm(server.url, form(aFile({ filename, content })));
          expect(answer.status).toBe(200);
          acknowledged.add(JSON.parse(answer.text).id);
          if (acknowledged.size >= enough) server.child.kill("SIGKILL");
        }
      };
      const clients = Array.from({ length: 4 }, () => client().catch((error) => String(error)));
      await once(server.child, "exit");
      // each ends with its connection, not with an answer
      expect((await Promise.all(clients)).join()).not.toContain("Assertion");
    }
    await using server = await startServerProcess(["--data-dir", dataDir]);
    const files = await listed(server.url);
    const ids = files.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([...acknowledged]));
    for (const { id, filename } of files) {
      expect(await hashOf(join(dataDir, "files", id, "content.bin"))).toBe(sent.get(filename));
    }
    await expectStored(server.url, dataDir, ids);
    const others = (await readdir(dataDir)).filter((name) => /^\.|^lock./.test(name));
    expect(others).toEqual([]);
  });
});

describe("two servers on one data directory", () => {
  itThorough("both read it; one writes, and the other does once the first is killed", async () => {
    await using first = await startServerProcess();
    const dataDir = dataOf(first);
    await using second = await startServerProcess(["--data-dir", dataDir]);
    const kept = await upload(first.url, aFile({ content: "shared" }));
    expect(await listed(second.url)).toEqual([kept]);
    const taken = (answer: RawAnswer) =>
      expectRefusal(
        answer,
        409,
        "conflict_error",
        new RegExp(`in use by another server \\(process ${first.child.pid}\\)`),
      );
    const remove = () => rawRequest(second.url, { method: "DELETE", path: `/v1/files/${kept.id}`, headers: KEY });
    taken(await postForm(second.url, form(aFile())));
    taken(await remove());
    await expectStored(first.url, dataDir, [kept.id]);
    await second.post(simple([{ type: "document", source: { type: "file", file_id: kept.id } }]));
    expect(second.fakeApi.messages[0]?.body.messages[0].content[0].source.data).toBe("shared");

    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    let own: RawAnswer | undefined;
    await until(async () => {
      own = await postForm(second.url, form(aFile()));
      return own.status !== 409;
    });
    expect(own?.status).toBe(200);
    expect((await remove()).status).toBe(200);
    await expectStored(second.url, dataDir, [JSON.parse(String(own?.text)).id]);
  });
});
