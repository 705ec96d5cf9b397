import type { MessageValue } from "../../api/messageDescriptors.ts";
import type { Logger } from "../../shared/logger.ts";
import { type OwnAddress, pointsToVirtualApi } from "./localServers.ts";

export interface VariableSource<Variables extends NodeJS.ProcessEnv = NodeJS.ProcessEnv> {
  place: string;
  /** The place for user interfaces in other languages. */
  describedPlace?: MessageValue;
  variables: Variables;
  helpers?: Record<string, string>;
}

/** A base URL that points to a Claude Virtual API on this machine, and what was removed with it. */
export interface RemovedBaseUrl {
  place: string;
  describedPlace?: MessageValue;
  url: string;
  names: string[];
}

export interface Kept<Variables> {
  variables: Variables;
  helpers: Record<string, string>;
}

const BASE_URL = /^ANTHROPIC_(\w+_)?BASE_URL$/;
const KEY_HEADER = /^\s*(authorization|x-api-key)\s*:/im;
const KEY_HELPER = "apiKeyHelper";

/**
 * Removes base URLs that point to a Claude Virtual API on this machine, where a worker's requests would loop, and the
 * credentials set with them, which Anthropic must not receive.
 */
export class BaseUrlFilter {
  readonly #ownAddress: (() => OwnAddress | undefined) | undefined;
  readonly #logger: Logger;
  readonly #leads: typeof pointsToVirtualApi;
  readonly #logged = new Set<string>();
  #removedBaseUrls: readonly RemovedBaseUrl[] = [];

  /** Without `ownAddress`, removes nothing. */
  constructor(ownAddress: (() => OwnAddress | undefined) | undefined, logger: Logger, leads = pointsToVirtualApi) {
    this.#ownAddress = ownAddress;
    this.#logger = logger;
    this.#leads = leads;
  }

  get removedBaseUrls(): readonly RemovedBaseUrl[] {
    return this.#removedBaseUrls;
  }

  async apply<Sources extends VariableSource[]>(
    ...sources: Sources
  ): Promise<{ [Index in keyof Sources]: Kept<Sources[Index]["variables"]> }> {
    const removedBaseUrls: RemovedBaseUrl[] = [];
    const kept: Kept<NodeJS.ProcessEnv>[] = [];
    for (const source of sources) {
      const found = await this.#baseUrls(source);
      removedBaseUrls.push(...found);
      kept.push(withoutNames(source, new Set(found.flatMap(({ names }) => names))));
    }
    this.#removedBaseUrls = removedBaseUrls;
    for (const line of removedBaseUrls.map(describeRemovedBaseUrl)) {
      if (!this.#logged.has(line)) this.#logger.warn(line);
      this.#logged.add(line);
    }
    return kept as { [Index in keyof Sources]: Kept<Sources[Index]["variables"]> };
  }

  async #baseUrls({ place, describedPlace, variables, helpers = {} }: VariableSource): Promise<RemovedBaseUrl[]> {
    if (!this.#ownAddress) return [];
    const removedBaseUrls: RemovedBaseUrl[] = [];
    for (const [name, value = ""] of Object.entries(variables)) {
      const match = BASE_URL.exec(name.toUpperCase());
      if (!match || !(await this.#leads(value.trim(), this.#ownAddress()))) continue;
      const cloud = match[1] ?? "";
      const credentials = Object.keys(variables).filter((other) => isCredential(other, variables, cloud));
      if (cloud === "" && KEY_HELPER in helpers) credentials.push(KEY_HELPER);
      removedBaseUrls.push({
        place,
        ...(describedPlace && { describedPlace }),
        url: new URL(value.trim()).origin,
        names: [name, ...credentials],
      });
    }
    return removedBaseUrls;
  }
}

/** Whether a variable is a credential for this cloud's base URL; "" is the API itself. */
function isCredential(name: string, variables: NodeJS.ProcessEnv, cloud: string): boolean {
  const upper = name.toUpperCase();
  if (upper === "ANTHROPIC_CUSTOM_HEADERS") return KEY_HEADER.test(variables[name] ?? "");
  if (cloud !== "" && upper === `CLAUDE_CODE_SKIP_${cloud}AUTH`) return true;
  return upper === `ANTHROPIC_${cloud}API_KEY` || upper === `ANTHROPIC_${cloud}AUTH_TOKEN`;
}

function withoutNames(
  { variables, helpers = {} }: VariableSource,
  names: ReadonlySet<string>,
): Kept<NodeJS.ProcessEnv> {
  const without = <T extends object>(all: T) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !names.has(name))) as T;
  return { variables: without(variables), helpers: without(helpers) };
}

export function describeRemovedBaseUrl({ place, url, names: [name, ...others] }: RemovedBaseUrl): string {
  const together = others.length === 0 ? "" : `, and without ${others.join(", ")} from the same place`;
  return `${name} in ${place} points to a Claude Virtual API on this machine (${url}), so Claude Code is started without it${together}.`;
}
