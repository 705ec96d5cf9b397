import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Behaviour } from "./fakeCliProgram.ts";

let made = 0;

/** How to install a fake CLI. */
interface FakeCliOptions {
  name?: string;
  version?: string;
}

/**
 * Writes a script into this directory that speaks the CLI's protocol without upstream; returns its path. Only its first
 * process has the `fault`. The fault's source runs there, so it cannot use variables from here.
 */
export async function fakeCli(
  directory: string,
  fault: Behaviour | string = "() => false",
  { name = `fake-cli-${++made}.mjs`, version = "2.1.330" }: FakeCliOptions = {},
): Promise<string> {
  const path = join(directory, name);
  const program = join(import.meta.dirname, "fakeCliProgram.ts");
  const source = `#!${process.execPath}
import { program } from ${JSON.stringify(program)};
await program(${fault}, ${JSON.stringify(`${path}.started`)}, ${JSON.stringify(version)});
`;
  await mkdir(directory, { recursive: true });
  await writeFile(path, source, { mode: 0o755 });
  return path;
}
