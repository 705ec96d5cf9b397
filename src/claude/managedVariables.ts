import { isObject } from "../api/isObject.ts";
import { FIXED_VARIABLES } from "./environment.ts";
import type { ManagedSettings } from "./managedSettings.ts";

/** The variable that carries a request to the CLI, by its name among managed settings. */
export const BODY_VARIABLE = "env.CLAUDE_CODE_EXTRA_BODY";

/** Variables that a worker sets for each request or each list of betas, with the one value that changes no request. */
const REQUEST_VARIABLES: Readonly<Record<string, string | undefined>> = {
  CLAUDE_CODE_EXTRA_BODY: undefined,
  CLAUDE_CODE_DISABLE_THINKING: "1",
  CLAUDE_CODE_EFFORT_LEVEL: "unset",
  CLAUDE_CODE_PROMPT_CACHE_TTL: undefined,
  DISABLE_PROMPT_CACHING: undefined,
  ANTHROPIC_BETAS: "",
  ANTHROPIC_LOG: "debug",
};

/** The managed variables, as `env.NAME`, that win over a worker's own and have another value. */
export function overridesIn(managed: readonly ManagedSettings[]): string[] {
  const own: Readonly<Record<string, string | undefined>> = { ...FIXED_VARIABLES, ...REQUEST_VARIABLES };
  const names = managed.flatMap(({ settings: { env } }) =>
    Object.entries(isObject(env) ? env : {}).flatMap(([name, value]) =>
      Object.hasOwn(own, name) && own[name] !== String(value) ? [`env.${name}`] : [],
    ),
  );
  return [...new Set(names)];
}

/** Says what follows from such variables, for a person. */
export function describeOverrides(names: readonly string[]): string {
  return `managed settings (${names.join(", ")}) replace variables of this server, so Claude Code changes requests`;
}

/**
 * Whether the CLI is going to call the model that it was given, and none that an organization allows in its place. Clouds
 * add to a model's id; an alias names a family, or leaves the choice to the CLI.
 */
export function isGivenModel(given: string, applied: string): boolean {
  const nameOf = (model: string) => model.toLowerCase().replace("[1m]", "").replaceAll("@", "-");
  return /^(default|best|opusplan)$/i.test(given) || nameOf(applied).includes(nameOf(given));
}
