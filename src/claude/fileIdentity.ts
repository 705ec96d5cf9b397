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
  const files = await Promise.all(
    paths.map(async (path) => {
      try {
        const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
        const lasting = `${await realpath(path)} ${size} ${mtimeNs}`;
        return { current: `${lasting} ${dev} ${ino}`, lasting };
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? "";
        return { current: `${path} ${code}`, lasting: `${path} ${code}` };
      }
    }),
  );
  const join = (kind: keyof FileIdentity) => files.map((file) => file[kind]).join("\n");
  return { current: join("current"), lasting: join("lasting") };
}
