import { describe, type MessageDescriptor, type MessageValue } from "../api/messageDescriptors.ts";
import type { SkippedCli } from "../claude/locate/locate.ts";
import { describeRemovedBaseUrl, type RemovedBaseUrl } from "../claude/process/baseUrlFilter.ts";
import { type AuthoritiesProblem, describeRoute, type NetworkRoute } from "../claude/process/network.ts";
import { describeOverridden, describeSignIn, nameOf, type SignIn } from "../claude/signIn/account.ts";
import type { Organization } from "../claude/signIn/description.ts";
import { keysOf, type ManagedSettings } from "../claude/signIn/managedSettings.ts";
import { describeOverrides } from "../claude/signIn/managedVariables.ts";
import type { TransportName } from "../claude/transport/transport.ts";
import { type CheckResult, describeCheck } from "./runChecks.ts";

export interface DoctorNote {
  topic: "cli" | "home" | "loop" | "sign-in" | "network" | "transport" | "organization" | "check" | "access";
  text: string;
  /** For translation. */
  descriptor?: MessageDescriptor | undefined;
  /** True if requests will fail because of it. */
  isProblem?: boolean;
  isUnchecked?: boolean;
}

export interface DoctorReport {
  lines: string[];
  problems: string[];
  isChecked: boolean;
  /** For translation. */
  notes: readonly DoctorNote[];
}

export function toReport(notes: readonly DoctorNote[]): DoctorReport {
  const problems = notes.filter(({ isProblem }) => isProblem);
  return {
    lines: notes.map(({ text, isProblem }) => (isProblem ? `✗ ${text}` : text)),
    problems: problems.map(({ text }) => text),
    isChecked: !notes.some(({ isUnchecked }) => isUnchecked),
    notes,
  };
}

export type Origins = (variable: string) => { text: string; described: MessageValue } | undefined;

export function cliNotes(path: string, version: string, skipped: readonly SkippedCli[]): DoctorNote[] {
  const others = skipped.map(
    ({ path, reason, descriptor = reason }): DoctorNote => ({
      topic: "cli",
      text: `skipped ${path}: ${reason}`,
      descriptor: describe("cli_skipped", { path, reason: descriptor }),
    }),
  );
  const found = describe("cli_found", { version, path });
  return [{ topic: "cli", text: `Claude Code ${version} at ${path}`, descriptor: found }, ...others];
}

/** Only a sign-in that would be in the home directory needs one. */
export function homeNotes(
  home: { text: string; descriptor: MessageDescriptor } | undefined,
  signIn: SignIn | undefined,
): DoctorNote[] {
  return home === undefined ? [] : [{ topic: "home", ...home, ...(!signIn && { isProblem: true }) }];
}

export function leftOutNotes(removedBaseUrls: readonly RemovedBaseUrl[]): DoctorNote[] {
  return removedBaseUrls.map((left) => {
    const { place: text, describedPlace: place = text, url } = left;
    const [name = "", ...names] = left.names;
    const descriptor =
      names.length === 0
        ? describe("base_url_removed", { name, place, url })
        : describe("base_url_removed_with", { name, place, url, names });
    return { topic: "loop", text: describeRemovedBaseUrl(left), descriptor };
  });
}

export function networkNotes(
  { proxy, extraAuthorities: path }: NetworkRoute,
  problem?: AuthoritiesProblem,
): DoctorNote[] {
  const described = [
    ...(proxy === undefined ? [] : [describe("proxy_used", { proxy })]),
    ...(path === undefined || problem ? [] : [describe("authorities_extra", { path })]),
  ];
  const lines = describeRoute({ api: undefined, proxy, extraAuthorities: problem ? undefined : path });
  const notes = lines.map((text, index): DoctorNote => ({ topic: "network", text, descriptor: described[index] }));
  return problem ? [...notes, { topic: "network", ...problem }] : notes;
}

export function signInNotes(used: SignIn | undefined, overridden: SignIn | undefined, origin: Origins): DoctorNote[] {
  const [text = ""] = describeSignIn(used);
  if (!used) return [{ topic: "sign-in", text, descriptor: describe("sign_in_missing", {}), isProblem: true }];
  const from = origin(used.source);
  const name = describedName(used);
  const first: DoctorNote = from
    ? {
        topic: "sign-in",
        text: `${text}, from ${from.text}`,
        descriptor: describe("sign_in_from", { name, origin: from.described }),
      }
    : { topic: "sign-in", text, descriptor: describe("sign_in", { name }) };
  if (!overridden) return [first];
  const { source } = used;
  const descriptor = describe("sign_in_overrides", { source, other: describedName(overridden) });
  return [first, { topic: "sign-in", text: describeOverridden(used, overridden), descriptor }];
}

const PROVIDER_NAMES: Record<string, MessageDescriptor> = {
  anthropicAws: describe("provider_anthropic_aws", {}),
  anthropicGoogleCloud: describe("provider_anthropic_google", {}),
  gateway: describe("provider_gateway", {}),
};

function describedName(signIn: SignIn): MessageValue {
  const { kind, source, plan = "" } = signIn;
  if (kind === "subscription") return describe("plan_by_login", { plan });
  if (kind === "profile") return describe("profile", {});
  if (kind === "provider") return PROVIDER_NAMES[source] ?? nameOf(signIn);
  if (source === "apiKeyHelper") return describe("sign_in_helper", {});
  return source === "/login managed key" ? describe("sign_in_console_key", {}) : source;
}

/** The CLI runs the user's helper at the first request, which fails if the helper prints no key. */
export function helperNotes(failure: string | undefined): DoctorNote[] {
  if (failure === undefined) return [];
  const code = /exit code (\d+)/.exec(failure)?.[1];
  const descriptor = code === undefined ? describe("helper_printed_nothing", {}) : describe("helper_ended", { code });
  return [{ topic: "sign-in", text: failure, descriptor, isProblem: true }];
}

export function transportNotes(
  transport: TransportName,
  reason = "they cannot be rewritten",
  described: MessageValue = reason,
): DoctorNote[] {
  if (transport === "rewrite") {
    const text = "requests are sent as their clients write them";
    return [{ topic: "transport", text, descriptor: describe("transport_rewrite", {}) }];
  }
  const text = `requests are merged into those of Claude Code (overlay), since ${reason}`;
  return [{ topic: "transport", text, descriptor: describe("transport_overlay", { reason: described }) }];
}

/** For a CLI that rewrites requests, but cannot count tokens exactly. */
export function countNotes(results: readonly CheckResult[]): DoctorNote[] {
  const failed = results.filter(({ reason }) => reason !== undefined);
  if (failed.length === 0) return [];
  const reasons = failed.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  const text = `tokens are not counted exactly, since the self-check failed: ${reasons}`;
  return [
    { topic: "transport", text, descriptor: describe("counts_inexact", { reason: failed.map(describeFailure) }) },
  ];
}

const describeFailure = (result: CheckResult) =>
  describe("check_failed", { check: describeCheck(result), reason: result.reason ?? "" });

export function organizationNotes(files: readonly ManagedSettings[], organization?: Organization): DoctorNote[] {
  const { guard = null, settings = [], withoutMods = [], overrides = [] } = organization ?? {};
  const shown = keysOf(files);
  const others = settings.filter((key) => !shown.includes(key));
  const notes = files.map((file): DoctorNote => {
    const names = keysOf([file]);
    const descriptor = describe("managed_settings", { file: file.origin, names });
    return { topic: "organization", text: `managed settings in ${file.origin}: ${names.join(", ")}`, descriptor };
  });
  const add = (text: string, descriptor: MessageDescriptor) => notes.push({ topic: "organization", text, descriptor });
  if (others.length > 0) {
    add(`managed settings from elsewhere: ${others.join(", ")}`, describe("managed_elsewhere", { names: others }));
  }
  if (guard !== null) {
    add(`Claude Code's guard for organizations is active: ${guard}`, describe("guard_active", { name: guard }));
  }
  if (withoutMods.length > 0) {
    add(
      `mods are forbidden (${withoutMods.join(", ")}): only settings keep Claude Code from further paid calls`,
      describe("mods_forbidden", { names: withoutMods }),
    );
  }
  if (overrides.length > 0) add(describeOverrides(overrides), describe("variables_overridden", { names: overrides }));
  return notes;
}

export function checkNotes(
  results: readonly CheckResult[],
  unchecked?: string,
  described: MessageValue = unchecked ?? "",
): DoctorNote[] {
  if (unchecked !== undefined) {
    const text = `the self-check was not run: ${unchecked}`;
    return [{ topic: "check", text, descriptor: describe("checks_skipped", { reason: described }), isUnchecked: true }];
  }
  const checks = results.map((result): DoctorNote => {
    const { name, reason } = result;
    if (reason !== undefined) {
      return { topic: "check", text: `${name}: ${reason}`, descriptor: describeFailure(result), isProblem: true };
    }
    return {
      topic: "check",
      text: `✓ ${name}`,
      descriptor: describe("check_passed", { check: describeCheck(result) }),
    };
  });
  const total = checks.length;
  const failed = checks.filter(({ isProblem }) => isProblem).length;
  if (failed === 0) {
    return [...checks, { topic: "check", text: "passed the self-check", descriptor: describe("checks_passed", {}) }];
  }
  const descriptor = describe("checks_failed", { failed, total });
  return [...checks, { topic: "check", text: `failed ${failed} of ${total} checks`, descriptor }];
}
