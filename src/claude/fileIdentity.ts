import { realpath, stat } from "node:fs/promises";

/** A snapshot of files, to detect changes. */
export interface FileIdentity {
  current: string;
  /** Without device and inode numbers, which change when a container restarts. */
  lasting: string;
}

/** Identifies files by path, size and modification time. Follows links. */
export async function identify(paths: readonly string[]): Promise<FileIdentity> {
  const [current, lasting] = await Promise.all([currentIdentity(paths), join(paths, lastingOf)]);
  return { current, lasting };
}

/** The `current` part alone, checked after each answer. */
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
