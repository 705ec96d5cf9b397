import type { CliMessage } from "../../protocol/codec.ts";
import { MOD_REPORTS, modReport } from "../../protocol/modReports.ts";
import { isSignedIn } from "../../signIn/account.ts";
import type { CliAccount } from "../../signIn/description.ts";
import { GuardDetector } from "../../signIn/guard.ts";
import { managedSettingsOf } from "../../signIn/managedSettings.ts";
import { LoadReport } from "../loadReport.ts";
import { type Ask, type Mods, TransportUnavailable } from "../transport.ts";

/** Why a process cannot rewrite requests. */
export const MODS_NOT_ASKED = "Claude Code does not ask mods about calls";
export const MOD_NOT_LOADED = "the mod that rewrites requests was not loaded";

/** The mod that rewrites requests, in one process: whether it runs and the CLI asks it about calls. */
export class RewriteMods implements Mods {
  readonly #mod: string;
  readonly #guard = new GuardDetector();
  readonly #loaded = new LoadReport();
  #isAsked = false;

  /** Why requests cannot be rewritten in this process. */
  #unsuited: string | undefined;

  constructor(mod: string) {
    this.#mod = mod;
  }

  get reasonToRetire(): string | undefined {
    return this.#unsuited;
  }

  accept(message: CliMessage): boolean {
    const report = modReport(message, this.#mod);
    if (report === MOD_REPORTS.countDenied) this.#isAsked = true;
    if (report === MOD_REPORTS.loaded) this.#loaded.arrive();
    return report === MOD_REPORTS.loaded;
  }

  addStderrLine(): void {}

  addBypass(): void {
    this.#unsuited ??= MODS_NOT_ASKED;
  }

  /** Throws `TransportUnavailable`, also where an organization has set rules. */
  async verify(account: CliAccount, ask: Ask): Promise<undefined> {
    this.#guard.addAccount(account);
    const managed = managedSettingsOf(await ask("get_settings"));
    this.#unsuited = await this.#findObstacle(account, ask, managed.length > 0);
    if (this.#unsuited !== undefined) throw new TransportUnavailable(this.#unsuited);
  }

  async #findObstacle(account: CliAccount, ask: Ask, isManaged: boolean): Promise<string | undefined> {
    if (this.#guard.reason !== undefined) return this.#guard.reason;
    // an organization's hooks would see the prompt, which contains the client's request
    if (isManaged) return "this machine has managed settings";
    if (!(await this.#loaded.arrives())) return MOD_NOT_LOADED;
    // when signed out, the CLI makes no call to ask about
    if (!isSignedIn({ account })) return undefined;
    // a count is free, and the CLI asks the mod, which denies it
    await ask("get_context_usage");
    return this.#isAsked ? undefined : MODS_NOT_ASKED;
  }
}
