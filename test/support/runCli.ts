import { spawn } from "node:child_process";
import { once } from "node:events";
import { cliScript } from "./serverProcess.ts";

export async function runCli(args: string[], env: NodeJS.ProcessEnv = {}, node = process.execPath) {
  const child = spawn(node, [cliScript, ...args], { env: { PATH: process.env.PATH, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}
