import { isIncompatible } from "../api/cliErrors.ts";
import type { ApiError } from "../api/errors.ts";
import { describe, type MessageValue } from "../api/messageDescriptors.ts";
import type { Logger } from "../shared/logger.ts";
import { type CheckCompatibility, type Cli, isOlder } from "./locate.ts";
import { type ManagedSettings, readManagedSettings } from "./managedSettings.ts";
import { COUNT_MOD } from "./rewrite/countMod.ts";
import { type CheckedPart, type TransportName, TransportUnavailable } from "./transport.ts";
import type { Worker } from "./worker.ts";

/** Which transport may be used: `auto` takes the best one that works. */
export type TransportOption = "auto" | "overlay";

/** Milliseconds between two looks for managed settings. The CLI reads them anew a second or more after a change. */
const MANAGED_POLL_MS = 500;
const MANAGED_REASON = "this machine has managed settings";
const NO_SETTINGS = JSON.stringify([]);

/** What speaks against rewriting, in English and for user interfaces in other languages. */
interface Objection {
  text: string;
  described: MessageValue;
}

/** What a worker has shown, and the CLI that it was of. */
interface Shown {
  reason: string;
  cli: Cli | undefined;
}

/** From this version on, requests may be rewritten while the CLI makes no calls of its own beside them. */
export const MIN_REWRITE_VERSION = "2.1.328";

/** What the decision rests on besides the option. */
export interface TransportChoiceParts {
  /** Rejects with an `ApiError` where a CLI that was found must not be used. */
  checkCompatibility?: CheckCompatibility | undefined;
  readManaged?: () => Promise<readonly ManagedSettings[]>;
  /** Milliseconds that have passed since some moment. */
  now?: () => number;
}

/**
 * Decides how requests travel. Rewriting is preferred; what speaks against it is known from the version and the machine, at
 * a worker's start, or at the latest when the mod was not asked about a call.
 */
export class TransportChoice {
  readonly #option: TransportOption;
  readonly #logger: Logger;
  readonly #checkCompatibility: CheckCompatibility;
  readonly #look: Required<Pick<TransportChoiceParts, "readManaged" | "now">>;
  /** What speaks against rewriting before a worker is started, besides managed settings. */
  #before: Objection | undefined;
  /** The managed settings of this machine, and those that its workers have been adapted to. */
  #managed: string | undefined;
  #adapted: string | undefined;
  /** What a worker has shown, and the CLI that it was of. */
  #shown: Shown | undefined;
  /** What speaks against exact counts alone. */
  #shownByCounter: Shown | undefined;
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
    this.#look = { readManaged, now };
  }

  /** The transport of now. */
  get name(): TransportName {
    return this.reason === undefined ? "rewrite" : "overlay";
  }

  /** Why requests are not rewritten; undefined where they are. */
  get reason(): string | undefined {
    if (this.#option === "overlay") return "it was configured";
    return this.#before?.text ?? (this.#isManaged ? MANAGED_REASON : this.#shown?.reason);
  }

  /** The same for user interfaces in other languages; what a worker has shown stays in English. */
  get describedReason(): MessageValue | undefined {
    if (this.#option === "overlay") return describe("rewrite_configured_away", {});
    if (this.#before !== undefined) return this.#before.described;
    return this.#isManaged ? describe("rewrite_managed", {}) : this.#shown?.reason;
  }

  /** Why counts are not exact; undefined where they are. */
  get countReason(): string | undefined {
    return this.reason ?? this.#shownByCounter?.reason;
  }

  /** Looks at the CLI that is to be started with these variables. */
  async inspect(cli: Cli, variables: NodeJS.ProcessEnv): Promise<void> {
    if (this.#shown?.cli !== cli) this.#shown = undefined;
    if (this.#shownByCounter?.cli !== cli) this.#shownByCounter = undefined;
    await this.#readManaged();
    this.#adapted ??= this.#managed;
    const reason = reasonNotToRewrite(cli, variables);
    // where nothing is rewritten anyway, the CLI need not be fit for that
    const needsCheck = reason === undefined && !this.#isManaged;
    this.#before = needsCheck ? await whyIncompatible(cli, "rewrite", this.#checkCompatibility) : reason;
    this.#log();
  }

  /**
   * Looks whether managed settings were put on this machine, changed or taken away since the last call. Running processes
   * take them over: mods may not be asked about calls any more then, and hooks of the organization's would be shown the
   * prompt in which a request travels.
   */
  async hasManagementChanged(): Promise<boolean> {
    if (this.#look.now() - this.#lookedAt >= MANAGED_POLL_MS) await this.#readManaged();
    const hasChanged = this.#adapted !== undefined && this.#adapted !== this.#managed;
    this.#adapted = this.#managed;
    if (hasChanged) this.#log();
    return hasChanged;
  }

  /** Throws `TransportUnavailable` where a request cannot be rewritten any more. */
  require(transport: TransportName): void {
    if (transport === "rewrite" && this.reason !== undefined) throw new TransportUnavailable(this.reason);
  }

  /** Throws `TransportUnavailable` where counts cannot be exact, or not any more. */
  requireCounts(): void {
    this.require("rewrite");
    if (this.countReason !== undefined) throw new TransportUnavailable(this.countReason);
  }

  /** Looks whether this CLI, which rewrites requests, counts exactly. Throws as `requireCounts`. */
  async inspectCounts(cli: Cli): Promise<void> {
    const reason = await whyIncompatible(cli, "counts", this.#checkCompatibility);
    if (reason !== undefined) this.#noteCounts({ reason: reason.text, cli });
    this.requireCounts();
  }

  /** Takes what a worker has shown. Requests may be rewritten although one that counts could not. */
  learnFrom({ transport, cli }: Worker): void {
    const reason = transport.mods.reasonToRetire;
    if (transport.name !== "rewrite" || reason === undefined) return;
    if (transport.mod === COUNT_MOD.name) {
      this.#noteCounts({ reason, cli });
      return;
    }
    this.#shown = { reason, cli };
    this.#log();
  }

  /** Forgets what workers have shown, since the sign-in may be another now. */
  reset(): void {
    this.#shown = undefined;
    this.#shownByCounter = undefined;
  }

  #noteCounts(shown: Shown): void {
    this.#shownByCounter = shown;
    if (shown.reason === this.#loggedCountReason) return;
    this.#loggedCountReason = shown.reason;
    this.#logger.info(`tokens are not counted exactly, since ${shown.reason}`);
  }

  get #isManaged(): boolean {
    return this.#managed !== undefined && this.#managed !== NO_SETTINGS;
  }

  async #readManaged(): Promise<void> {
    this.#lookedAt = this.#look.now();
    this.#managed = JSON.stringify(await this.#look.readManaged());
  }

  #log(): void {
    const { reason } = this;
    if (reason === this.#logged) return;
    this.#logged = reason;
    this.#logger.info(`requests travel by ${this.name}${reason === undefined ? "" : `, since ${reason}`}`);
  }
}

/** Whether this version lets requests be rewritten. */
export function mayRewrite({ version }: Cli): boolean {
  return !isOlder(version, MIN_REWRITE_VERSION);
}

function reasonNotToRewrite(cli: Cli, variables: NodeJS.ProcessEnv): Objection | undefined {
  if (!mayRewrite(cli)) {
    const { version } = cli;
    const text = `Claude Code ${version} does not let requests be rewritten`;
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

/** With a Bedrock API key bodies are not signed, but the CLI calls the counter past its hooks: a mod cannot be tried there for free. */
function bedrockReason({
  CLAUDE_CODE_USE_BEDROCK,
  AWS_BEARER_TOKEN_BEDROCK,
}: NodeJS.ProcessEnv): Objection | undefined {
  if (!CLAUDE_CODE_USE_BEDROCK) return undefined;
  if (!AWS_BEARER_TOKEN_BEDROCK) {
    const text = "Amazon Bedrock's requests are signed before they can be rewritten";
    return { text, described: describe("rewrite_bedrock_signed", {}) };
  }
  const text = "on Amazon Bedrock mods are not asked about the free counter, on which rewriting is tried";
  return { text, described: describe("rewrite_bedrock_counter", {}) };
}
