import gte from "semver/functions/gte.js";
import { isIncompatible, isScarcity } from "../../api/cliErrors.ts";
import type { ApiError } from "../../api/errors.ts";
import { describe, type MessageValue } from "../../api/messageDescriptors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { CheckCompatibility, CheckedPart, Cli } from "../locate/locate.ts";
import { type ManagedSettings, readManagedSettings } from "../signIn/managedSettings.ts";
import { COUNT_MOD } from "./rewrite/countMod.ts";
import { MOD_NOT_LOADED, MODS_NOT_ASKED } from "./rewrite/rewriteMods.ts";
import { type Transport, type TransportName, TransportUnavailable } from "./transport.ts";

/** `auto` uses `rewrite` where it works. */
export type TransportOption = "auto" | "overlay";

/** The CLI reads managed settings a second or more after a change. */
const MANAGED_POLL_MS = 500;
const MANAGED_REASON = "this machine has managed settings";
const NO_SETTINGS = JSON.stringify([]);

/** A reason not to rewrite, in English and for user interfaces in other languages. */
interface Objection {
  text: string;
  described: MessageValue;
}

const DESCRIBED_REASONS: Readonly<Record<string, MessageValue>> = {
  [MODS_NOT_ASKED]: describe("mods_not_asked", {}),
  [MOD_NOT_LOADED]: describe("mod_not_loaded", {}),
  [MANAGED_REASON]: describe("rewrite_managed", {}),
};

/** What a worker has shown, and its CLI. */
interface Finding {
  reason: string;
  cli: Cli | undefined;
}

/** Oldest version that can rewrite requests without making calls of its own. */
export const MIN_REWRITE_VERSION = "2.1.328";

/** What the choice depends on besides the option. */
export interface TransportChoiceParts {
  checkCompatibility?: CheckCompatibility | undefined;
  readManaged?: () => Promise<readonly ManagedSettings[]>;
  /** Milliseconds since any fixed moment. */
  now?: () => number;
}

/**
 * Chooses the transport, `rewrite` if possible. What prevents it is known from version and machine, when a worker
 * starts, or when the CLI did not ask the mod about a call.
 */
export class TransportChoice {
  readonly #option: TransportOption;
  readonly #logger: Logger;
  readonly #checkCompatibility: CheckCompatibility;
  readonly #parts: Required<Pick<TransportChoiceParts, "readManaged" | "now">>;
  /** What prevents rewriting before a worker starts, other than managed settings. */
  #staticReason: Objection | undefined;
  /** This machine's managed settings, and those for which its workers were started. */
  #managed: string | undefined;
  #adoptedSettings: string | undefined;
  #shown: Finding | undefined;
  /** What prevents exact counts alone. */
  #shownByCounter: Finding | undefined;
  #logged: string | undefined;
  #loggedCountReason: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(option: TransportOption, logger: Logger, parts: TransportChoiceParts = {}) {
    const {
      checkCompatibility = async () => {},
      readManaged = readManagedSettings,
      now = () => performance.now(),
    } = parts;
    this.#option = option;
    this.#logger = logger;
    this.#checkCompatibility = checkCompatibility;
    this.#parts = { readManaged, now };
  }

  get name(): TransportName {
    return this.reason === undefined ? "rewrite" : "overlay";
  }

  /** Why requests are not rewritten; undefined if they are. */
  get reason(): string | undefined {
    if (this.#option === "overlay") return "it was configured";
    return this.#staticReason?.text ?? (this.#isManaged ? MANAGED_REASON : this.#shown?.reason);
  }

  /** The same for user interfaces in other languages; what the CLI says stays in English. */
  get describedReason(): MessageValue | undefined {
    if (this.#option === "overlay") return describe("rewrite_configured_away", {});
    if (this.#staticReason !== undefined) return this.#staticReason.described;
    if (this.#isManaged) return describe("rewrite_managed", {});
    const reason = this.#shown?.reason ?? "";
    return DESCRIBED_REASONS[reason] ?? this.#shown?.reason;
  }

  get countReason(): string | undefined {
    return this.reason ?? this.#shownByCounter?.reason;
  }

  /** Checks the CLI that is about to be started with these variables. */
  async inspect(cli: Cli, variables: NodeJS.ProcessEnv): Promise<void> {
    if (this.#shown?.cli !== cli) this.#shown = undefined;
    if (this.#shownByCounter?.cli !== cli) this.#shownByCounter = undefined;
    await this.#readManaged();
    this.#adoptedSettings ??= this.#managed;
    const reason = reasonNotToRewrite(cli, variables);
    // a CLI that is not to rewrite need not be able to
    const needsCheck = reason === undefined && !this.#isManaged;
    this.#staticReason = needsCheck ? await whyIncompatible(cli, "rewrite", this.#checkCompatibility) : reason;
    this.#log();
  }

  /**
   * Whether managed settings have changed. Running processes adopt them: the CLI may then no longer ask mods, and an
   * organization's hooks would see requests.
   */
  async hasManagementChanged(): Promise<boolean> {
    if (this.#parts.now() - this.#lookedAt >= MANAGED_POLL_MS) {
      await this.#readManaged().catch((error) => {
        // without a free file handle, what was read last still counts
        if (!isScarcity(error)) throw error;
      });
    }
    const hasChanged = this.#adoptedSettings !== undefined && this.#adoptedSettings !== this.#managed;
    this.#adoptedSettings = this.#managed;
    if (hasChanged) this.#log();
    return hasChanged;
  }

  /** Throws `TransportUnavailable` if requests can no longer be rewritten. */
  requireTransport(transport: TransportName): void {
    if (transport === "rewrite" && this.reason !== undefined) throw new TransportUnavailable(this.reason);
  }

  /** Throws `TransportUnavailable` if counts cannot be exact, or no longer. */
  requireCounts(): void {
    this.requireTransport("rewrite");
    if (this.countReason !== undefined) throw new TransportUnavailable(this.countReason);
  }

  /** Checks whether this CLI counts exactly. Throws like `requireCounts`. */
  async inspectCounts(cli: Cli): Promise<void> {
    const reason = await whyIncompatible(cli, "counts", this.#checkCompatibility);
    if (reason !== undefined) this.#noteCounts({ reason: reason.text, cli });
    this.requireCounts();
  }

  /** Records what a worker has shown. Failed exact counts do not prevent rewriting. */
  learnFrom({ transport, cli }: { transport: Transport; cli: Cli | undefined }): void {
    const reason = transport.mods.reasonToRetire;
    if (transport.name !== "rewrite" || reason === undefined) return;
    if (transport.mod === COUNT_MOD.name) {
      this.#noteCounts({ reason, cli });
      return;
    }
    this.#shown = { reason, cli };
    this.#log();
  }

  /** Discards what workers have shown, since the sign-in may have changed. */
  reset(): void {
    this.#shown = undefined;
    this.#shownByCounter = undefined;
  }

  #noteCounts(shown: Finding): void {
    this.#shownByCounter = shown;
    if (shown.reason === this.#loggedCountReason) return;
    this.#loggedCountReason = shown.reason;
    this.#logger.info(`tokens are not counted exactly, since ${shown.reason}`);
  }

  get #isManaged(): boolean {
    return this.#managed !== undefined && this.#managed !== NO_SETTINGS;
  }

  async #readManaged(): Promise<void> {
    this.#lookedAt = this.#parts.now();
    this.#managed = JSON.stringify(await this.#parts.readManaged());
  }

  #log(): void {
    const { reason } = this;
    if (reason === this.#logged) return;
    this.#logged = reason;
    this.#logger.info(`requests use the ${this.name} transport${reason === undefined ? "" : `, since ${reason}`}`);
  }
}

export function mayRewrite({ version }: Cli): boolean {
  return gte(version, MIN_REWRITE_VERSION);
}

function reasonNotToRewrite(cli: Cli, variables: NodeJS.ProcessEnv): Objection | undefined {
  if (!mayRewrite(cli)) {
    const { version } = cli;
    const text = `Claude Code ${version} cannot rewrite requests`;
    return { text, described: describe("rewrite_not_by_version", { version }) };
  }
  return bedrockReason(variables);
}

function whyIncompatible(
  cli: Cli,
  part: CheckedPart,
  checkCompatibility: CheckCompatibility,
): Promise<Objection | undefined> {
  return checkCompatibility(cli, part).then(
    () => undefined,
    (error) => {
      if (isIncompatible(error)) {
        const { message, descriptor = message } = error as ApiError;
        const described = describe("self_check_failed", { reason: descriptor });
        return { text: `the self-check failed: ${message}`, described };
      }
      throw error;
    },
  );
}

/**
 * With a Bedrock API key, bodies are not signed, but the CLI does not ask mods about counts, so rewriting cannot be
 * tested for free.
 */
function bedrockReason({
  CLAUDE_CODE_USE_BEDROCK,
  AWS_BEARER_TOKEN_BEDROCK,
}: NodeJS.ProcessEnv): Objection | undefined {
  if (!CLAUDE_CODE_USE_BEDROCK) return undefined;
  if (!AWS_BEARER_TOKEN_BEDROCK) {
    const text = "Amazon Bedrock's requests are signed before a mod can rewrite them";
    return { text, described: describe("rewrite_bedrock_signed", {}) };
  }
  const text = "on Amazon Bedrock, rewriting cannot be tested with the free token counter";
  return { text, described: describe("rewrite_bedrock_counter", {}) };
}
