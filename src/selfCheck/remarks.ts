import { describeDisplaced, describeSignIn, type SignIn } from "../claude/account.ts";
import type { Organization } from "../claude/description.ts";
import type { PassedOver } from "../claude/locate.ts";
import { keysOf, type ManagedSettings } from "../claude/managedSettings.ts";
import { describeOverrides } from "../claude/managedVariables.ts";
import { describeRoute, type NetworkRoute } from "../claude/network.ts";
import { describeLeftOut, type LeftOut } from "../claude/ownUpstreams.ts";
import type { TransportName } from "../claude/transport.ts";
import type { Finding } from "./selfCheck.ts";

/** One thing that the doctor found on this machine, in words for a person. */
export interface Remark {
  topic: "cli" | "home" | "loop" | "sign-in" | "network" | "transport" | "organization" | "check";
  text: string;
  /** Whether it keeps requests from being answered. */
  isTrouble?: boolean;
  /** Whether it says that the checks were not run. */
  isUnchecked?: boolean;
}

/** What the doctor found, in lines for a person. */
export interface Description {
  /** All of it, trouble marked. */
  lines: string[];
  /** What keeps requests from being answered. */
  trouble: string[];
  /** False where the checks were not run. */
  isChecked: boolean;
}

export function describe(remarks: readonly Remark[]): Description {
  const trouble = remarks.filter(({ isTrouble }) => isTrouble);
  return {
    lines: remarks.map(({ text, isTrouble }) => (isTrouble ? `✗ ${text}` : text)),
    trouble: trouble.map(({ text }) => text),
    isChecked: !remarks.some(({ isUnchecked }) => isUnchecked),
  };
}

/** Where the variable of a sign-in comes from. */
export type Origins = (variable: string) => string | undefined;

export function cliRemarks(path: string, version: string, passedOver: readonly PassedOver[]): Remark[] {
  const others = passedOver.map((other) => `passed over ${other.path}: ${other.reason}`);
  return [`Claude Code ${version} at ${path}`, ...others].map((text) => ({ topic: "cli", text }));
}

/** What is wrong with the user's home; a sign-in from elsewhere needs none. */
export function homeRemarks(trouble: string | undefined, signIn: SignIn | undefined): Remark[] {
  return trouble === undefined ? [] : [{ topic: "home", text: trouble, ...(!signIn && { isTrouble: true }) }];
}

export function leftOutRemarks(leftOut: readonly LeftOut[]): Remark[] {
  return leftOut.map((left) => ({ topic: "loop", text: describeLeftOut(left) }));
}

/** `trouble` is what is wrong with the file of further authorities. */
export function networkRemarks(route: NetworkRoute, trouble?: string): Remark[] {
  const lines =
    trouble === undefined
      ? describeRoute(route)
      : [...describeRoute({ ...route, extraAuthorities: undefined }), trouble];
  return lines.map((text) => ({ topic: "network", text }));
}

/** What is used, where it comes from, and what it displaces. */
export function signInRemarks(used: SignIn | undefined, displaced: SignIn | undefined, origin: Origins): Remark[] {
  const [text = ""] = describeSignIn(used);
  if (!used) return [{ topic: "sign-in", text, isTrouble: true }];
  const from = origin(used.source);
  const remarks: Remark[] = [{ topic: "sign-in", text: from === undefined ? text : `${text}, from ${from}` }];
  if (displaced) remarks.push({ topic: "sign-in", text: describeDisplaced(used, displaced) });
  return remarks;
}

/** Where the user's helper gives no key, the CLI asks for none before the first request, which then fails. */
export function helperRemarks(failure: string | undefined): Remark[] {
  return failure === undefined ? [] : [{ topic: "sign-in", text: failure, isTrouble: true }];
}

/** How requests travel, and why not as they would best. */
export function transportRemarks(transport: TransportName, reason: string | undefined): Remark[] {
  if (transport === "rewrite") return [{ topic: "transport", text: "requests go up as their clients write them" }];
  const text = `requests are merged into those of Claude Code (overlay), since ${reason ?? "they cannot be rewritten"}`;
  return [{ topic: "transport", text }];
}

/** Where requests are rewritten, but tokens cannot be counted exactly. */
export function countRemarks(findings: readonly Finding[]): Remark[] {
  const lost = findings.filter(({ reason }) => reason !== undefined);
  if (lost.length === 0) return [];
  const reasons = lost.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  return [{ topic: "transport", text: `tokens are not counted exactly, since the self-check failed: ${reasons}` }];
}

/** What an organization has set on this machine, and what follows from it for requests. */
export function organizationRemarks(files: readonly ManagedSettings[], organization?: Organization): Remark[] {
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
export function checkRemarks(findings: readonly Finding[], unchecked?: string): Remark[] {
  if (unchecked !== undefined)
    return [{ topic: "check", text: `the self-check was not run: ${unchecked}`, isUnchecked: true }];
  const checks = findings.map(({ name, reason }): Remark => {
    if (reason === undefined) return { topic: "check", text: `✓ ${name}` };
    return { topic: "check", text: `${name}: ${reason}`, isTrouble: true };
  });
  const failed = checks.filter(({ isTrouble }) => isTrouble).length;
  const sum = failed === 0 ? "passed the self-check" : `failed ${failed} of ${checks.length} checks`;
  return [...checks, { topic: "check", text: sum }];
}
