import { currentIdentity } from "./fileIdentity.ts";
import type { Cli } from "./locate.ts";

/**
 * Paths that a search skipped or that were in use before. An update empties a path or repairs a program, which the
 * search may then prefer.
 */
export class PreferredPaths {
  #identities = new Map<string, string>();

  /** Whether a path was filled, replaced or emptied since the last search. */
  async haveChanged(): Promise<boolean> {
    const changes = [...this.#identities].map(async ([path, identity]) => (await currentIdentity([path])) !== identity);
    return (await Promise.all(changes)).includes(true);
  }

  /** Runs a search and records what to watch after it. `used` is the program in use before. */
  async track(search: () => Promise<Cli>, used: string | undefined): Promise<Cli> {
    const paths = new Set([...this.#identities.keys(), ...(used === undefined ? [] : [used])]);
    // before the search, so that changes during it are detected
    const identities = new Map<string, string>();
    for (const path of paths) identities.set(path, await currentIdentity([path]));
    const cli = await search();
    for (const { path, identity } of cli.skipped) identities.set(path, identity);
    identities.delete(cli.path);
    this.#identities = identities;
    return cli;
  }
}
