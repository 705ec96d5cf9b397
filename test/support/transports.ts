import gte from "semver/functions/gte.js";
import { describe } from "vitest";
import type { TransportName } from "../../src/claude/transport/transport.ts";
import { MIN_REWRITE_VERSION } from "../../src/claude/transport/transportChoice.ts";
import { sample } from "../fidelity/random.ts";
import { claudeVersion } from "./claude.ts";
import { FULL, sampled } from "./full.ts";
import type { App } from "./harness.ts";
import { sharedApp } from "./sharedApp.ts";

/** One transport in a test fixture. */
export interface TransportStage {
  app: App;
  transport: TransportName;
}

interface TransportTests extends TransportStage {
  /** A sample for rewriting, a smaller one for the overlay; the whole list in a full run. */
  sampled<T>(list: readonly T[], rewritten: number, overlaid: number): readonly T[];
}

/** Whether the overlay gets as many tests as rewriting, as when testing a CLI version. */
const ALIKE = FULL || process.env.CLAUDE_VIRTUAL_API_TEST_CLAUDE !== undefined;

/** Whether the CLI can rewrite requests. */
export const CAN_REWRITE = gte(claudeVersion(), MIN_REWRITE_VERSION);

/** Declares rewriting tests, skipped by older versions. */
export function describeRewriting(title: string, declare: () => void): void {
  describe.skipIf(!CAN_REWRITE)(CAN_REWRITE ? title : `${title} (from ${MIN_REWRITE_VERSION} on)`, declare);
}

/** Half as many in plain `npm test` as in CI. */
const half = <T>(list: readonly T[], rewritten: number) => sampled(list, rewritten, Math.ceil(rewritten / 2));

/** Declares the same tests for each transport, with one shared fixture each. */
export function onEachTransport(declare: (tests: TransportTests) => void): void {
  describeRewriting("by rewriting", () => {
    declare({ app: sharedApp(), transport: "rewrite", sampled: half });
  });
  describe("by the overlay", () => {
    const app = sharedApp({ transport: "overlay" });
    const some = <T>(list: readonly T[], rewritten: number, overlaid: number) =>
      ALIKE ? sampled(list, rewritten) : sample(list, overlaid, 11);
    declare({ app, transport: "overlay", sampled: some });
  });
}
