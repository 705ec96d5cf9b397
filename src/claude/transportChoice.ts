import { isUnfit } from "../api/cliErrors.ts";
import type { Logger } from "../shared/logger.ts";
import { type Cli, isOlder, type RequireFit } from "./locate.ts";
import { readManagedSettings } from "./managedSettings.ts";
import { COUNT_MOD } from "./rewrite/countMod.ts";
import { type CheckedPart, type TransportName, TransportUnsuited } from "./transport.ts";
import type { Worker } from "./worker.ts";

/** Which transport may be used: `auto` takes the best one that works. */
export type TransportOption = "auto" | "overlay";

/** Milliseconds between two looks for managed settings. */
const LOOK_INTERVAL_MS = 1000;
const MANAGED = "this machine has managed settings";

/** What a worker has shown, and the CLI that it was of. */
interface Shown {
  reason: string;
  cli: Cli | undefined;
}

/** From this version on, requests may be rewritten while the CLI makes no calls of its own beside them. */
export const OLDEST_TO_REWRITE = "2.1.328";

/**
 * Decides how requests travel. Rewriting is preferred; what speaks against it is known from the version and the machine, at
 * a worker's start, or at the latest when the mod was not asked about a call.
 */
export class TransportChoice {
  readonly #option: TransportOption;
  readonly #logger: Logger;
  readonly #requireFit: RequireFit;
  /** What speaks against rewriting before a worker is started. */
  #before: string | undefined;
  /** What a worker has shown, and the CLI that it was of. */
  #shown: Shown | undefined;
  /** What speaks against exact counts alone. */
  #shownOfCounts: Shown | undefined;
  #logged: string | undefined;
  #loggedOfCounts: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(option: TransportOption, logger: Logger, requireFit: RequireFit = async () => {}) {
    this.#option = option;
    this.#logger = logger;
    this.#requireFit = requireFit;
  }

  /** The transport of now. */
  get name(): TransportName {
    return this.reason === undefined ? "rewrite" : "overlay";
  }

  /** Why requests are not rewritten; undefined where they are. */
  get reason(): string | undefined {
    if (this.#option === "overlay") return "it was configured";
    return this.#before ?? this.#shown?.reason;
  }

  /** Why counts are not exact; undefined where they are. */
  get reasonOfCounts(): string | undefined {
    return this.reason ?? this.#shownOfCounts?.reason;
  }

  /** Looks at the CLI that is to be started with these variables. */
  async look(cli: Cli, variables: NodeJS.ProcessEnv): Promise<void> {
    if (this.#shown?.cli !== cli) this.#shown = undefined;
    if (this.#shownOfCounts?.cli !== cli) this.#shownOfCounts = undefined;
    this.#before = await whyNot(cli, variables, this.#requireFit);
    this.#log();
  }

  /**
   * Throws `TransportUnsuited` where a request cannot be rewritten any more. Managed settings may be put on a machine at any
   * time, and their hooks would be shown the prompt in which a request travels.
   */
  async require(transport: TransportName): Promise<void> {
    if (transport === "overlay") return;
    const now = performance.now();
    if (this.name === "rewrite" && now - this.#lookedAt >= LOOK_INTERVAL_MS) {
      this.#lookedAt = now;
      if ((await readManagedSettings()).length > 0) this.#before = MANAGED;
      this.#log();
    }
    if (this.reason !== undefined) throw new TransportUnsuited(this.reason);
  }

  /** Throws `TransportUnsuited` where counts cannot be exact, or not any more. */
  async requireCounts(): Promise<void> {
    await this.require("rewrite");
    if (this.reasonOfCounts !== undefined) throw new TransportUnsuited(this.reasonOfCounts);
  }

  /** Looks whether this CLI, which rewrites requests, counts exactly. Throws as `requireCounts`. */
  async lookAtCounts(cli: Cli): Promise<void> {
    const reason = await whyUnfit(cli, "counts", this.#requireFit);
    if (reason !== undefined) this.#noteCounts({ reason, cli });
    await this.requireCounts();
  }

  /** Takes what a worker has shown. Requests may be rewritten although one that counts could not. */
  learn({ transport, cli }: Worker): void {
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
  forget(): void {
    this.#shown = undefined;
    this.#shownOfCounts = undefined;
  }

  #noteCounts(shown: Shown): void {
    this.#shownOfCounts = shown;
    if (shown.reason === this.#loggedOfCounts) return;
    this.#loggedOfCounts = shown.reason;
    this.#logger.info(`tokens are not counted exactly, since ${shown.reason}`);
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
  return !isOlder(version, OLDEST_TO_REWRITE);
}

async function whyNot(cli: Cli, variables: NodeJS.ProcessEnv, requireFit: RequireFit): Promise<string | undefined> {
  if (!mayRewrite(cli)) return `Claude Code ${cli.version} does not let requests be rewritten`;
  if (signsBodies(variables)) return "Amazon Bedrock's requests are signed before they can be rewritten";
  if ((await readManagedSettings()).length > 0) return MANAGED;
  return whyUnfit(cli, "rewrite", requireFit);
}

function whyUnfit(cli: Cli, part: CheckedPart, requireFit: RequireFit): Promise<string | undefined> {
  return requireFit(cli, part).then(
    () => undefined,
    (error) => {
      if (isUnfit(error)) return `the self-check failed: ${error.message}`;
      throw error;
    },
  );
}

/** Whether AWS credentials sign the body of each request; a Bedrock API key does not. */
function signsBodies({ CLAUDE_CODE_USE_BEDROCK, AWS_BEARER_TOKEN_BEDROCK }: NodeJS.ProcessEnv): boolean {
  return Boolean(CLAUDE_CODE_USE_BEDROCK) && !AWS_BEARER_TOKEN_BEDROCK;
}
