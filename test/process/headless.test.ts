import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sampled } from "../support/full.ts";
import { health, scratchHome, simple } from "../support/harness.ts";
import { rawRequest } from "../support/rawRequest.ts";
import { reply, text } from "../support/replies.ts";
import { runCli } from "../support/runCli.ts";
import { startServerProcess, workersOf } from "../support/serverProcess.ts";

/** Creates an executable in place of the CLI. */
async function fakeCli(home: string, script: string): Promise<string> {
  const path = join(home, "claude");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe("the command line", () => {
  it("prints its help and its version", async () => {
    expect((await runCli(["--help"])).stdout).toContain("--max-concurrent N");
    expect((await runCli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [["--nonsense"], "--nonsense"],
    [["--port", "eighty"], "--port takes a whole number from 0 to 65535, not 'eighty'."],
    [["--max-concurrent", "0"], "--max-concurrent takes a whole number from 1 to 1000"],
    [["--model-map", "gpt-4"], "--model-map takes pairs like gpt-4=opus, not 'gpt-4'."],
    [["--log-level", "loud"], "--log-level takes one of error, warn, info, debug, trace"],
  ])("refuses %j", async (args, words) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(words);
  });

  it("names a port that is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { code, stderr } = await runCli(["--port", String(port), "--claude", "/nowhere"]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} is taken by another program. Choose another with --port.`);
  });

  it("does not listen for other machines without a key", async () => {
    const { code, stderr } = await runCli(["--port", "0", "--host", "0.0.0.0"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Configure an API key first");
  });

  it("reads options from the environment, with precedence for flags", async () => {
    await using server = await startServerProcess([], {
      CLAUDE_VIRTUAL_API_API_KEY: "from-the-environment",
      CLAUDE_VIRTUAL_API_PORT: "1",
    });
    expect((await server.post(simple())).status).toBe(401);
    const headers = { "x-api-key": "from-the-environment" };
    expect((await fetch(`${server.url}/v1/models`, { headers })).status).toBe(200);
  });

  const keys: [string[], NodeJS.ProcessEnv, string][] = [
    [["--api-key", "one", "--api-key-file", "/nowhere"], {}, "not both"],
    [["--api-key", "one"], { CLAUDE_VIRTUAL_API_API_KEY_FILE: "/nowhere" }, "not both"],
    [["--api-key-file", "/nowhere"], { CLAUDE_VIRTUAL_API_API_KEY: "one" }, "not both"],
    [["--api-key-file", "/nowhere/key"], {}, "cannot be read: ENOENT"],
    [["--api-key-file", "/"], {}, "cannot be read: EISDIR"],
    [["--api-key-file", "/dev/null"], {}, "'/dev/null', has no key in its first line"],
    [["--api-key-file", ""], {}, "--api-key-file is empty"],
    [["--api-key", ""], {}, "--api-key is empty"],
  ];
  it.each(sampled(keys, keys.length, 4))(
    "rejects an empty key, and one that is given twice: %j %j",
    async (args, env, words) => {
      const { code, stdout, stderr } = await runCli(["--port", "0", ...args], env);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain(words);
    },
  );

  it("reads the key from the first line of a file, and does not print it", async () => {
    await using scratch = await scratchHome();
    const path = join(scratch.home, "key");
    await writeFile(path, " from-the-file\t\r\nnot-the-key\n", { mode: 0o600 });
    await using server = await startServerProcess(["--api-key-file", path, "--traffic", "--log-level", "trace"]);
    expect((await server.post(simple())).status).toBe(401);
    const headers = { "x-api-key": "from-the-file", "content-type": "application/json" };
    const body = JSON.stringify(simple("from-the-file"));
    const answer = await fetch(`${server.url}/v1/messages`, { method: "POST", headers, body });
    expect(answer.status).toBe(200);
    const pids = [server.child.pid as number, ...workersOf(server.home)];
    expect(pids.length).toBeGreaterThan(1);
    for (const pid of pids) {
      for (const file of ["environ", "cmdline"]) {
        expect(await readFile(`/proc/${pid}/${file}`, "latin1")).not.toContain("from-the-file");
      }
    }
    expect(server.output.stdout + server.output.stderr).not.toMatch(/from-the-file|Other users/);
  });

  it("reads the file's name from the environment, and warns if others can read the file", async () => {
    await using scratch = await scratchHome();
    const path = join(scratch.home, "key");
    await writeFile(path, "from-the-file");
    await chmod(path, 0o640);
    await using server = await startServerProcess([], { CLAUDE_VIRTUAL_API_API_KEY_FILE: path });
    const statusWith = async (key: string) =>
      (await fetch(`${server.url}/v1/models`, { headers: { "x-api-key": key } })).status;
    expect([await statusWith("from-the-file"), await statusWith("another")]).toEqual([200, 401]);
    expect(server.output.stderr).toContain(`[warn] Other users can read the key in '${path}'. Run: chmod 600`);
  });

  it("resolves a data directory from its working directory, also for the CLI", async () => {
    await using scratch = await scratchHome();
    await using server = await startServerProcess(["--data-dir", "data"], {}, process.execPath, scratch.home);
    server.fakeApi.respond = () => reply([text("one two")], { stop_reason: "max_tokens" });
    for (let round = 0; round < 5; round++) {
      server.fakeApi.messages.length = 0;
      expect((await server.post(simple())).status).toBe(200);
      expect(server.fakeApi.messages).toHaveLength(1);
    }
    await access(join(scratch.home, "data", "rewrite"));
  });

  it("requests the models that the map names", async () => {
    await using server = await startServerProcess(["--model-map", "gpt-4=claude-haiku-5-5, mine=opus"]);
    for (const model of ["gpt-4", "mine", "claude-3-5-haiku-20241022"]) {
      expect((await server.post({ ...simple(), model })).status).toBe(200);
    }
    const asked = server.fakeApi.messages.map((message) => message.body.model);
    expect(asked).toEqual([
      "claude-haiku-5-5",
      expect.stringMatching(/^claude-opus/),
      expect.stringMatching(/^claude-haiku/),
    ]);
  });

  it("prints nothing but its address on stdout", async () => {
    await using server = await startServerProcess();
    await server.post(simple());
    expect(server.output.stdout).toBe(`Listening on ${server.url}\n`);
  });
});

describe("an unusual request target", () => {
  it("causes no warning of Node on stderr", async () => {
    await using server = await startServerProcess();
    const odd = ["*", "/health#x", "http://elsewhere/", "http:/health", "health", "?a=1", "//[::1/x", "/%zz"];
    const statuses = await Promise.all(odd.map(async (path) => (await rawRequest(server.url, { path })).status));
    expect(statuses).toEqual([404, 400, 403, 400, 400, 400, 404, 404]);
    expect(server.output.stderr).not.toMatch(/DEP\d+/);
  });
});

describe("without a usable CLI, a request gets the error", () => {
  const ask = async (claude: string, env: NodeJS.ProcessEnv = {}) => {
    await using server = await startServerProcess(["--claude", claude], env);
    const response = await server.post(simple());
    return {
      status: response.status,
      retry: response.headers.get("x-should-retry"),
      ...((await response.json()) as object),
    };
  };

  it("that the path is wrong", async () => {
    expect(await ask("/nowhere/claude")).toMatchObject({
      status: 500,
      retry: "false",
      error: {
        type: "api_error",
        message: expect.stringMatching(/'\/nowhere\/claude' does not run.*install Claude Code/),
      },
    });
  });

  it("that it is too old", async () => {
    await using scratch = await scratchHome();
    const path = await fakeCli(scratch.home, "echo '1.0.24 (Claude Code)'");
    expect(await ask(path)).toMatchObject({
      status: 500,
      error: { message: expect.stringMatching(/Claude Code 1\.0\.24 .* is too old: at least 2\.1\.\d+ is needed/) },
    });
  });

  it("that it is another program", async () => {
    await using scratch = await scratchHome();
    const path = await fakeCli(scratch.home, "echo 'claude 9.9'");
    expect(await ask(path)).toMatchObject({
      status: 500,
      error: { message: expect.stringContaining("does not name Claude Code") },
    });
  });

  it("that it ended at once", async () => {
    await using scratch = await scratchHome();
    const path = await fakeCli(scratch.home, 'case "$1" in --version) echo "2.1.330 (Claude Code)";; *) exit 3;; esac');
    expect(await ask(path)).toMatchObject({ status: 500, error: { message: expect.stringContaining("exit code 3") } });
  });

  it("that the CLI is not signed in", async () => {
    await using server = await startServerProcess([], { ANTHROPIC_API_KEY: "" });
    const response = await server.post(simple());
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      error: {
        type: "authentication_error",
        message: expect.stringMatching(/^Claude Code is not signed in\. Run 'claude'/),
      },
    });
    expect((await health(server)).cli.signed_in).toBe(false);
  });
});

describe("the package", () => {
  const use = `await server(new ClaudeClient({ baseURL: process.argv[1] })); claude.messageStream;`;
  const body = `async function server(client) { console.log(await client.message("Hello")); }`;
  const systems = [
    ["module", `import { claude, ClaudeClient } from "claude-virtual-api"; ${body} ${use}`],
    ["commonjs", `const { claude, ClaudeClient } = require("claude-virtual-api"); ${body} (async () => { ${use} })();`],
  ] as const;
  it.each(sampled(systems, 2, 1))("gives npm users its client, as %s", async (type, script) => {
    await using server = await startServerProcess();
    const root = join(import.meta.dirname, "../..");
    await mkdir(join(server.home, "node_modules"));
    await symlink(root, join(server.home, "node_modules", "claude-virtual-api"), "dir");
    const args = [`--input-type=${type}`, "--eval", script, server.url];
    const child = spawn(process.execPath, args, { cwd: server.home });
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    await once(child, "close");
    expect(stdout).toBe("You said: Hello\n");
  });
});
