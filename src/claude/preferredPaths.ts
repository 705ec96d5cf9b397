import { currentIdentity } from "./fileIdentity.ts";
import type { Cli } from "./locate.ts";

/**
 * Paths that a search has passed over, or that were in use before it: an update leaves one empty for a while, or mends what
 * is there, and then the search may choose it again.
 */
export class PreferredPaths {
  #identities = new Map<string, string>();

  /** Whether something was put there, replaced or removed since the last search. */
  async haveChanged(): Promise<boolean> {
    const changes = [...this.#identities].map(async ([path, identity]) => (await currentIdentity([path])) !== identity);
    return (await Promise.all(changes)).includes(true);
  }

  /** Runs a search and notes what to look at after it. `used` is the path of the program in use before. */
  async track(search: () => Promise<Cli>, used: string | undefined): Promise<Cli> {
    const paths = new Set([...this.#identities.keys(), ...(used === undefined ? [] : [used])]);
    // before the search, so that what is put there meanwhile is noticed
    const identities = new Map<string, string>();
    for (const path of paths) identities.set(path, await currentIdentity([path]));
    const cli = await search();
    for (const { path, identity } of cli.skipped) identities.set(path, identity);
    identities.delete(cli.path);
    this.#identities = identities;
    return cli;
  }
}
