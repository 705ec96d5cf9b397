import { cliForbidden, cliUnguarded, modelForbidden } from "../../../api/cliErrors.ts";
import type { ApiError } from "../../../api/errors.ts";
import { describe } from "../../../api/messageDescriptors.ts";
import { resolvesWithin } from "../../../shared/resolvesWithin.ts";
import type { CliMessage } from "../../protocol/codec.ts";
import { MOD_REPORTS, modReport } from "../../protocol/modReports.ts";
import type { CliAccount, Organization } from "../../signIn/description.ts";
import { GuardDetector } from "../../signIn/guard.ts";
import { hasModelAllowlist, keysOf, managedSettingsOf, modForbiddingSettings } from "../../signIn/managedSettings.ts";
import { BODY_VARIABLE, isGivenModel, overridesIn } from "../../signIn/managedVariables.ts";
import { LoadReport } from "../loadReport.ts";
import type { Ask, Mods } from "../transport.ts";
import { ONE_CALL_MOD, ONE_STEP_MOD } from "./oneCallMod.ts";

/** How far stderr may lag behind stdout. */
const STDERR_LAG_MS = 200;

/** Logged for a mod when Anthropic has disabled mods. */
const MODS_OFF_LINE = /hooks module \S+ not loaded: hooks modules are turned off/;
/** Name of that switch in the list of settings that forbid mods. */
const MODS_SWITCH_NAME = "Anthropic's switch";

/** The mods that limit a turn to one call: whether they run and are allowed. */
export class OverlayMods implements Mods {
  readonly #hasStepMod: boolean;
  readonly #guard = new GuardDetector();
  readonly #oneCall = new LoadReport();
  readonly #oneStep = new LoadReport();
  #areSwitchedOff = false;
  #areForbidden = false;
  #areChecked = false;
  #hasModelAllowlist = false;

  constructor(hasStepMod: boolean) {
    this.#hasStepMod = hasStepMod;
  }

  /** Whether the organization or Anthropic forbids our mods; only settings can then prevent further calls. */
  get areForbidden(): boolean {
    return this.#areForbidden;
  }

  /** Whether workers need the mod that ends further steps, because of an organization's guard. */
  get needStepMod(): boolean {
    return this.#guard.reason !== undefined && !this.#areForbidden;
  }

  /** Whether it is known which mods the process needs. */
  get areChecked(): boolean {
    return this.#areChecked || this.needStepMod;
  }

  get reasonToRetire(): string | undefined {
    const lacksMod = this.needStepMod && !this.#hasStepMod;
    return lacksMod ? `it lacks a required mod (${this.#guard.reason})` : undefined;
  }

  accept(message: CliMessage): boolean {
    if (modReport(message, ONE_CALL_MOD.name) === MOD_REPORTS.loaded) this.#oneCall.arrive();
    else if (modReport(message, ONE_STEP_MOD.name) === MOD_REPORTS.loaded) this.#oneStep.arrive();
    else return false;
    return true;
  }

  addStderrLine(line: string): void {
    this.#areSwitchedOff ||= MODS_OFF_LINE.test(line);
    this.#guard.addStderrLine(line);
  }

  addBypass(): void {
    this.#guard.addBypass();
  }

  /** Throws also if requests cannot reach the CLI. */
  async verify(account: CliAccount, ask: Ask): Promise<Organization | undefined> {
    this.#guard.addAccount(account);
    await resolvesWithin(STDERR_LAG_MS, this.#guard.known);
    const guard = this.#guard.reason;
    const mayBeForbidden = !this.#oneCall.hasArrived;
    const managed = guard !== undefined || mayBeForbidden ? managedSettingsOf(await ask("get_settings")) : [];
    const forbidding = mayBeForbidden
      ? [...modForbiddingSettings(managed), ...(this.#areSwitchedOff ? [MODS_SWITCH_NAME] : [])]
      : [];
    this.#areForbidden = forbidding.length > 0;
    if (!this.#areForbidden && !(await this.#areLoaded())) throw cliUnguarded();
    this.#areChecked = true;
    const overrides = overridesIn(managed);
    if (overrides.includes(BODY_VARIABLE)) {
      const reason = `They set ${BODY_VARIABLE}, which this server needs to send requests.`;
      throw cliForbidden(reason, describe("managed_carrier", { name: BODY_VARIABLE }));
    }
    this.#hasModelAllowlist = hasModelAllowlist(managed);
    if (guard === undefined && managed.length === 0 && forbidding.length === 0) return undefined;
    return { guard: guard ?? null, settings: keysOf(managed), withoutMods: forbidding, overrides };
  }

  /** An error if the organization forbids this model: the CLI would silently call another. */
  async refusalOf(model: string, ask: Ask): Promise<ApiError | undefined> {
    if (!this.#hasModelAllowlist) return undefined;
    const applied: unknown = (await ask("get_settings")).response?.applied?.model;
    return typeof applied !== "string" || isGivenModel(model, applied) ? undefined : modelForbidden(model);
  }

  async #areLoaded(): Promise<boolean> {
    if (this.needStepMod && !this.#hasStepMod) return false;
    const needed = this.needStepMod ? [this.#oneCall, this.#oneStep] : [this.#oneCall];
    const arrived = await Promise.all(needed.map((report) => report.arrives()));
    return arrived.every(Boolean);
  }
}
