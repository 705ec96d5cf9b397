export type ModelLine = "haiku" | "sonnet" | "opus" | "fable" | "mythos";
export type Effort = "low" | "medium" | "high" | "xhigh" | "max";
type Thinking = "adaptive" | "between_tools" | "disabled" | "enabled";
type Feature = "code_execution" | "compact_20260112" | "structured_outputs";

/** A model from Anthropic's documentation; dates as `2026-09-22`. */
export interface KnownModel {
  id: string;
  /** Other ids that the API accepts. */
  also: readonly string[];
  name: string;
  line: ModelLine;
  released: string;
  window: number;
  output: number;
  /** Empty if the model has no `effort`. */
  efforts: readonly Effort[];
  /** Accepted types of `thinking`; only `disabled` if the model does not think. */
  thinking: readonly Thinking[];
  /** Features of current models that it does not have. */
  lacks: readonly Feature[];
  /** Undefined if not documented. */
  deprecated?: string;
  retires?: string;
  lifecycle: "active" | "deprecated" | "retired";
}

/**
 * The date of this table, which is maintained by hand from the pages "Models overview" and "Model deprecations" of
 * platform.claude.com, the official SDK 1.14.0 and Claude Code 2.1.330. What the CLI reports takes precedence.
 */
export const KNOWN_MODELS_DATE = "2026-11-26";

const ALL_EFFORTS: readonly Effort[] = ["low", "medium", "high", "xhigh", "max"];
const NO_XHIGH: readonly Effort[] = ["low", "medium", "high", "max"];
const UP_TO_HIGH: readonly Effort[] = ["low", "medium", "high"];
const NO_EFFORT: readonly Effort[] = [];

const ALWAYS_ON: readonly Thinking[] = ["adaptive"];
const BETWEEN_TOOLS: readonly Thinking[] = ["adaptive", "between_tools"];
const ADAPTIVE: readonly Thinking[] = ["adaptive", "disabled"];
const ADAPTIVE_OR_BUDGET: readonly Thinking[] = ["adaptive", "disabled", "enabled"];
const BUDGET: readonly Thinking[] = ["disabled", "enabled"];
const NO_THINKING: readonly Thinking[] = ["disabled"];

const M = 1_000_000;
const K = 1000;
const LATER_FEATURES: readonly Feature[] = ["code_execution", "compact_20260112", "structured_outputs"];

type EndOfLife = Pick<KnownModel, "deprecated" | "retires"> & { retired?: boolean };

const row = (
  [id, ...also]: [string, ...string[]],
  [name, released]: [name: string, released: string],
  [window, output]: [window: number, output: number],
  efforts: readonly Effort[],
  thinking: readonly Thinking[],
  lacks: readonly Feature[] = [],
  end?: EndOfLife,
): KnownModel => {
  const { retired = false, ...dates } = end ?? {};
  const lifecycle = retired ? "retired" : end ? "deprecated" : "active";
  const line = /opus|sonnet|haiku|fable|mythos/.exec(id)?.[0] as ModelLine;
  return {
    id,
    also,
    name: `Claude ${name}`,
    line,
    released,
    window,
    output,
    efforts,
    thinking,
    lacks,
    ...dates,
    lifecycle,
  };
};

const retired = (deprecated: string, retires: string): EndOfLife => ({ deprecated, retires, retired: true });

/** Newest first. */
export const KNOWN_MODELS: readonly KnownModel[] = [
  row(["claude-fable-5-2"], ["Fable 5.2", "2026-11-09"], [M, 128 * K], ALL_EFFORTS, ALWAYS_ON),
  row(["claude-mythos-5-2"], ["Mythos 5.2", "2026-11-09"], [M, 128 * K], ALL_EFFORTS, ALWAYS_ON),
  row(["claude-haiku-5-5"], ["Haiku 5.5", "2026-10-07"], [M, 128 * K], ALL_EFFORTS, ADAPTIVE),
  row(["claude-sonnet-5-5"], ["Sonnet 5.5", "2026-09-28"], [M, 128 * K], ALL_EFFORTS, BETWEEN_TOOLS),
  row(["claude-opus-5-5"], ["Opus 5.5", "2026-09-22"], [M, 128 * K], ALL_EFFORTS, ALWAYS_ON),
  row(["claude-fable-5-1"], ["Fable 5.1", "2026-09-01"], [M, 128 * K], ALL_EFFORTS, ALWAYS_ON),
  row(["claude-mythos-5-1"], ["Mythos 5.1", "2026-09-01"], [M, 128 * K], ALL_EFFORTS, ALWAYS_ON),
  row(["claude-opus-5"], ["Opus 5", "2026-07-24"], [M, 128 * K], ALL_EFFORTS, ADAPTIVE),
  row(["claude-sonnet-5"], ["Sonnet 5", "2026-06-30"], [M, 128 * K], ALL_EFFORTS, ADAPTIVE),
  row(["claude-fable-5"], ["Fable 5", "2026-06-09"], [M, 128 * K], ALL_EFFORTS, ALWAYS_ON),
  row(["claude-mythos-5"], ["Mythos 5", "2026-06-09"], [M, 128 * K], ALL_EFFORTS, ALWAYS_ON),
  row(["claude-opus-4-8"], ["Opus 4.8", "2026-05-28"], [M, 128 * K], ALL_EFFORTS, ADAPTIVE),
  row(["claude-opus-4-7"], ["Opus 4.7", "2026-04-16"], [M, 128 * K], ALL_EFFORTS, ADAPTIVE),
  row(["claude-mythos-preview"], ["Mythos Preview", "2026-04-07"], [M, 128 * K], NO_XHIGH, ALWAYS_ON, [], {
    retires: "2026-06-30",
  }),
  row(["claude-sonnet-4-6"], ["Sonnet 4.6", "2026-02-17"], [M, 128 * K], NO_XHIGH, ADAPTIVE_OR_BUDGET),
  row(["claude-opus-4-6"], ["Opus 4.6", "2026-02-05"], [M, 128 * K], NO_XHIGH, ADAPTIVE_OR_BUDGET),
  row(
    ["claude-opus-4-5-20251101", "claude-opus-4-5"],
    ["Opus 4.5", "2025-11-24"],
    [200 * K, 64 * K],
    UP_TO_HIGH,
    BUDGET,
    ["compact_20260112"],
    { deprecated: "2026-11-23", retires: "2027-01-22" },
  ),
  row(
    ["claude-haiku-4-5-20251001", "claude-haiku-4-5"],
    ["Haiku 4.5", "2025-10-15"],
    [200 * K, 64 * K],
    NO_EFFORT,
    BUDGET,
    ["code_execution", "compact_20260112"],
  ),
  row(
    ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5"],
    ["Sonnet 4.5", "2025-09-29"],
    [200 * K, 64 * K],
    NO_EFFORT,
    BUDGET,
    ["compact_20260112"],
    { deprecated: "2026-09-30", retires: "2026-11-30" },
  ),
  row(
    ["claude-opus-4-1-20250805", "claude-opus-4-1"],
    ["Opus 4.1", "2025-08-05"],
    [200 * K, 32 * K],
    NO_EFFORT,
    BUDGET,
    LATER_FEATURES,
    retired("2026-06-05", "2026-08-05"),
  ),
  row(
    ["claude-opus-4-20250514", "claude-opus-4-0"],
    ["Opus 4", "2025-05-22"],
    [200 * K, 32 * K],
    NO_EFFORT,
    BUDGET,
    LATER_FEATURES,
    retired("2026-04-14", "2026-06-15"),
  ),
  row(
    ["claude-sonnet-4-20250514", "claude-sonnet-4-0"],
    ["Sonnet 4", "2025-05-22"],
    [200 * K, 64 * K],
    NO_EFFORT,
    BUDGET,
    LATER_FEATURES,
    retired("2026-04-14", "2026-06-15"),
  ),
  row(
    ["claude-3-7-sonnet-20250219", "claude-3-7-sonnet-latest"],
    ["Sonnet 3.7", "2025-02-24"],
    [200 * K, 64 * K],
    NO_EFFORT,
    BUDGET,
    LATER_FEATURES,
    retired("2025-10-28", "2026-02-19"),
  ),
  row(
    ["claude-3-5-haiku-20241022", "claude-3-5-haiku-latest"],
    ["Haiku 3.5", "2024-10-22"],
    [200 * K, 8192],
    NO_EFFORT,
    NO_THINKING,
    LATER_FEATURES,
    retired("2025-12-19", "2026-02-19"),
  ),
  row(
    ["claude-3-haiku-20240307"],
    ["Haiku 3", "2024-03-07"],
    [200 * K, 4096],
    NO_EFFORT,
    NO_THINKING,
    LATER_FEATURES,
    retired("2026-02-19", "2026-04-20"),
  ),
];
