import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { splitLines } from "../../../src/shared/lines.ts";

/** Another process that acquires locks. It answers each directory with "ours" or the pid of the owner. */
export interface Contender extends AsyncDisposable {
  pid: number;
  take(directory: string): Promise<string>;
  kill(): Promise<void>;
}

const SCRIPT = `
  import { createInterface } from "node:readline";
  import { Lock } from ${JSON.stringify(new URL("../../../src/storage/lock.ts", import.meta.url).href)};
  for await (const directory of createInterface(process.stdin)) {
    const owner = await new Lock(directory).acquire();
    console.log(owner ? owner.pid : "ours");
  }`;

export function startContender(): Contender {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", SCRIPT], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = splitLines(child.stdout);
  const kill = () => end(child);
  return {
    pid: child.pid as number,
    async take(directory) {
      child.stdin.write(`${directory}\n`);
      return (await answers.next()).value as string;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
