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
  const looks = await Promise.all(paths.map(look));
  const places = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
  return {
    current: looks.map(({ current }) => current).join("\n"),
    lasting: looks.map(({ state }, index) => `${places[index]} ${state}`).join("\n"),
  };
}

/** The same for now alone: a request asks for it after each answer. */
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
