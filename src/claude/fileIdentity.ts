import { realpath, stat } from "node:fs/promises";

/** What files are at one moment. */
export interface FileIdentity {
  /** Changes when one of them is replaced or written to. */
  current: string;
  /** The same without the numbers that a file system gives anew, as after a restart of a container. */
  lasting: string;
}

/** Identifies these files by their places and sizes and the times of their last writes; links are followed. */
export async function identify(paths: readonly string[]): Promise<FileIdentity> {
  const [current, lasting] = await Promise.all([currentIdentity(paths), join(paths, lastingOf)]);
  return { current, lasting };
}

/** The same for now alone: a request asks for it after each answer. */
export function currentIdentity(paths: readonly string[]): Promise<string> {
  return join(paths, async (path) => {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${path} ${size} ${mtimeNs} ${dev} ${ino}`;
  });
}

async function lastingOf(path: string): Promise<string> {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  return `${await realpath(path)} ${size} ${mtimeNs}`;
}

async function join(paths: readonly string[], one: (path: string) => Promise<string>): Promise<string> {
  const all = paths.map((path) => one(path).catch(({ code = "" }: NodeJS.ErrnoException) => `${path} ${code}`));
  return (await Promise.all(all)).join("\n");
}
