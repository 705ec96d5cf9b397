import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing } from "../api/systemErrors.ts";
import { makeDirectories } from "../shared/directories.ts";
import { isPrivate, PRIVATE_DIRECTORY_MODE } from "../shared/privateFiles.ts";
import { parseSecret, SECRET_BYTES, SECRET_FILE } from "../shared/proof.ts";
import { writeDurably } from "./durable.ts";

/**
 * Lets VS Code windows recognize a server of their data directory. Each use reads the file, so that servers agree on it
 * even if two of them create it at the same time.
 */
export class Secret {
  readonly #path: string;
  #isReplaced = false;

  constructor(dataDir: string) {
    this.#path = join(dataDir, SECRET_FILE);
  }

  /** Creates the file if there is none. Throws file system errors, or `ApiError` 500. */
  async read(): Promise<Buffer> {
    const stored = await this.#stored();
    if (stored) return stored;
    this.#isReplaced = true;
    await makeDirectories(dirname(this.#path), PRIVATE_DIRECTORY_MODE);
    await writeDurably(this.#path, `${randomBytes(SECRET_BYTES).toString("hex")}\n`);
    const created = await this.#stored();
    if (!created) throw new Error(`${this.#path} cannot be read after it was written.`);
    return created;
  }

  /** Returns undefined if the file is missing, holds no secret, or may have been read by other users. */
  async #stored(): Promise<Buffer | undefined> {
    try {
      await using file = await open(this.#path, "r");
      // on a file system without modes, a new file would be readable as well
      if (!this.#isReplaced && !isPrivate(await file.stat())) return undefined;
      return parseSecret(await file.readFile("utf8"));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}
