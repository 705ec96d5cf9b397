import { isObject } from "../../api/isObject.ts";
import { FIXED_VARIABLES } from "../process/environment.ts";
import type { ManagedSettings } from "./managedSettings.ts";

/** The managed setting that would replace the variable carrying each request. */
export const BODY_VARIABLE = "env.CLAUDE_CODE_EXTRA_BODY";

/** Variables set for requests, with the one value that changes none. */
const REQUEST_VARIABLES: Readonly<Record<string, string | undefined>> = {
  CLAUDE_CODE_EXTRA_BODY: undefined,
  CLAUDE_CODE_DISABLE_THINKING: "1",
  CLAUDE_CODE_EFFORT_LEVEL: "unset",
  CLAUDE_CODE_PROMPT_CACHE_TTL: undefined,
  DISABLE_PROMPT_CACHING: undefined,
  ANTHROPIC_BETAS: "",
  ANTHROPIC_LOG: "debug",
};

/** Managed variables that override a worker's with another value, as `env.NAME`. */
export function overridesIn(managed: readonly ManagedSettings[]): string[] {
  const own: Readonly<Record<string, string | undefined>> = { ...FIXED_VARIABLES, ...REQUEST_VARIABLES };
  const names = managed.flatMap(({ settings: { env } }) =>
    Object.entries(isObject(env) ? env : {}).flatMap(([name, value]) =>
      Object.hasOwn(own, name) && own[name] !== String(value) ? [`env.${name}`] : [],
    ),
  );
  return [...new Set(names)];
}

export function describeOverrides(names: readonly string[]): string {
  return `managed settings (${names.join(", ")}) override this server's variables, so Claude Code changes requests`;
}

/**
 * Whether the CLI will call the requested model and no allowed substitute. Clouds extend a model's id; an alias leaves
 * a choice to the CLI.
 */
export function isGivenModel(given: string, applied: string): boolean {
  const nameOf = (model: string) => model.toLowerCase().replace("[1m]", "").replaceAll("@", "-");
  return /^(default|best|opusplan)$/i.test(given) || nameOf(applied).includes(nameOf(given));
}
