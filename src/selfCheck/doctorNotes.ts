import { describeOverridden, describeSignIn, type SignIn } from "../claude/account.ts";
import { describeRemovedBaseUrl, type RemovedBaseUrl } from "../claude/baseUrlFilter.ts";
import type { Organization } from "../claude/description.ts";
import type { SkippedCli } from "../claude/locate.ts";
import { keysOf, type ManagedSettings } from "../claude/managedSettings.ts";
import { describeOverrides } from "../claude/managedVariables.ts";
import { describeRoute, type NetworkRoute } from "../claude/network.ts";
import type { TransportName } from "../claude/transport.ts";
import type { CheckResult } from "./runChecks.ts";

/** One thing that the doctor found on this machine, in words for a person. */
export interface DoctorNote {
  topic: "cli" | "home" | "loop" | "sign-in" | "network" | "transport" | "organization" | "check";
  text: string;
  /** Whether it keeps requests from being answered. */
  isProblem?: boolean;
  /** Whether it says that the checks were not run. */
  isUnchecked?: boolean;
}

/** What the doctor found, in lines for a person. */
export interface DoctorReport {
  /** All of it, problems marked. */
  lines: string[];
  /** What keeps requests from being answered. */
  problems: string[];
  /** False where the checks were not run. */
  isChecked: boolean;
}

export function toReport(notes: readonly DoctorNote[]): DoctorReport {
  const problems = notes.filter(({ isProblem }) => isProblem);
  return {
    lines: notes.map(({ text, isProblem }) => (isProblem ? `✗ ${text}` : text)),
    problems: problems.map(({ text }) => text),
    isChecked: !notes.some(({ isUnchecked }) => isUnchecked),
  };
}

/** Where the variable of a sign-in comes from. */
export type Origins = (variable: string) => string | undefined;

export function cliNotes(path: string, version: string, skipped: readonly SkippedCli[]): DoctorNote[] {
  const others = skipped.map((other) => `passed over ${other.path}: ${other.reason}`);
  return [`Claude Code ${version} at ${path}`, ...others].map((text) => ({ topic: "cli", text }));
}

export function leftOutNotes(removedBaseUrls: readonly RemovedBaseUrl[]): DoctorNote[] {
  return removedBaseUrls.map((left) => ({ topic: "loop", text: describeRemovedBaseUrl(left) }));
}

/** `problem` is what is wrong with the file of extra certificate authorities. */
export function networkNotes(route: NetworkRoute, problem?: string): DoctorNote[] {
  const lines =
    problem === undefined
      ? describeRoute(route)
      : [...describeRoute({ ...route, extraAuthorities: undefined }), problem];
  return lines.map((text) => ({ topic: "network", text }));
}

/** What is used, where it comes from, and what it overrides. */
export function signInNotes(used: SignIn | undefined, overridden: SignIn | undefined, origin: Origins): DoctorNote[] {
  const [text = ""] = describeSignIn(used);
  if (!used) return [{ topic: "sign-in", text, isProblem: true }];
  const from = origin(used.source);
  const notes: DoctorNote[] = [{ topic: "sign-in", text: from === undefined ? text : `${text}, from ${from}` }];
  if (overridden) notes.push({ topic: "sign-in", text: describeOverridden(used, overridden) });
  return notes;
}

/** Where the user's helper gives no key, the CLI asks for none before the first request, which then fails. */
export function helperNotes(failure: string | undefined): DoctorNote[] {
  return failure === undefined ? [] : [{ topic: "sign-in", text: failure, isProblem: true }];
}

/** How requests travel, and why not as they would best. */
export function transportNotes(transport: TransportName, reason: string | undefined): DoctorNote[] {
  if (transport === "rewrite") return [{ topic: "transport", text: "requests go up as their clients write them" }];
  const text = `requests are merged into those of Claude Code (overlay), since ${reason ?? "they cannot be rewritten"}`;
  return [{ topic: "transport", text }];
}

/** Where requests are rewritten, but tokens cannot be counted exactly. */
export function countNotes(results: readonly CheckResult[]): DoctorNote[] {
  const lost = results.filter(({ reason }) => reason !== undefined);
  if (lost.length === 0) return [];
  const reasons = lost.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  return [{ topic: "transport", text: `tokens are not counted exactly, since the self-check failed: ${reasons}` }];
}

/** What an organization has set on this machine, and what follows from it for requests. */
export function organizationNotes(files: readonly ManagedSettings[], organization?: Organization): DoctorNote[] {
  const { guard = null, settings = [], withoutMods = [], overrides = [] } = organization ?? {};
  const shown = keysOf(files);
  const others = settings.filter((key) => !shown.includes(key));
  const lines = files.map((file) => `managed settings in ${file.origin}: ${keysOf([file]).join(", ")}`);
  if (others.length > 0) lines.push(`managed settings from elsewhere: ${others.join(", ")}`);
  if (guard !== null) lines.push(`Claude Code's guard for organizations is active: ${guard}`);
  if (withoutMods.length > 0) {
    lines.push(
      `mods are forbidden (${withoutMods.join(", ")}): only settings keep Claude Code from further paid calls`,
    );
  }
  if (overrides.length > 0) lines.push(describeOverrides(overrides));
  return lines.map((text) => ({ topic: "organization", text }));
}

/** How the checks went, or why they were not run. */
export function checkNotes(results: readonly CheckResult[], unchecked?: string): DoctorNote[] {
  if (unchecked !== undefined)
    return [{ topic: "check", text: `the self-check was not run: ${unchecked}`, isUnchecked: true }];
  const checks = results.map(({ name, reason }): DoctorNote => {
    if (reason === undefined) return { topic: "check", text: `✓ ${name}` };
    return { topic: "check", text: `${name}: ${reason}`, isProblem: true };
  });
  const failed = checks.filter(({ isProblem }) => isProblem).length;
  const sum = failed === 0 ? "passed the self-check" : `failed ${failed} of ${checks.length} checks`;
  return [...checks, { topic: "check", text: sum }];
}
