import { realpath, stat } from "node:fs/promises";

/** A snapshot of files, to detect changes. */
export interface FileIdentity {
  current: string;
  /** Without device and inode numbers, which change when a container restarts. */
  lasting: string;
}

/** Identifies files by path, size and modification time. Follows links. */
export async function identify(paths: readonly string[]): Promise<FileIdentity> {
  const looks = await Promise.all(paths.map(look));
  const places = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
  return {
    current: looks.map(({ current }) => current).join("\n"),
    lasting: looks.map(({ state }, index) => `${places[index]} ${state}`).join("\n"),
  };
}

/** The `current` part alone, checked after each answer. */
export async function currentIdentity(paths: readonly string[]): Promise<string> {
  const looks = await Promise.all(paths.map(look));
  return looks.map(({ current }) => current).join("\n");
}

async function look(path: string): Promise<{ current: string; state: string }> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    const state = `${size} ${mtimeNs}`;
    return { current: `${path} ${state} ${dev} ${ino}`, state };
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    return { current: `${path} ${code}`, state: code };
  }
}
