import { modelNotFound } from "../api/errors.ts";
import type { CliModel } from "../claude/description.ts";
import { type Capabilities, capabilitiesOf } from "./capabilities.ts";
import { KNOWN_MODELS, type KnownModel, type ModelLine } from "./knownModels.ts";

export type Lifecycle = KnownModel["lifecycle"];

/** A model as `GET /v1/models` shows it (contract: "Models"; `ModelInfo` of the official SDK 1.14). */
export interface ModelInfo {
  type: "model";
  id: string;
  display_name: string;
  /** RFC 3339; the epoch, as the API documents for a release date that is not known. */
  created_at: string;
  lifecycle: Lifecycle;
  deprecated_at: string | null;
  retires_at: string | null;
  line: ModelLine | null;
  max_input_tokens: number | null;
  max_tokens: number | null;
  capabilities: Capabilities | null;
}

/** What decides which ids are found besides those of the CLI's list. */
export interface Naming {
  modelMap: Record<string, string>;
  /** Whether upstream has answered a request for a model of this name. */
  wasAnswered(name: string): boolean;
}

/** Names that the CLI resolves without listing them, each with the alias it takes. */
const SHORTHANDS: Record<string, string> = { best: "opus", opusplan: "sonnet" };
const UNKNOWN_TIME = "1970-01-01T00:00:00Z";

/** The ids that the CLI resolves its list to, and its aliases, each once; newest first, an id before its aliases. */
export function toCatalog(models: readonly CliModel[]): ModelInfo[] {
  const named = models.filter(({ value }) => value !== "default");
  const catalog = new Map<string, ModelInfo>();
  for (const model of named) catalog.set(idOf(model), infoOf(idOf(model), model));
  for (const model of named) {
    if (!catalog.has(model.value)) catalog.set(model.value, { ...infoOf(idOf(model), model), id: model.value });
  }
  // what the table does not know yet is newer than what it knows
  const age = ({ created_at }: ModelInfo) =>
    created_at === UNKNOWN_TIME ? Number.NEGATIVE_INFINITY : -Date.parse(created_at);
  return [...catalog.values()].sort((a, b) => age(a) - age(b) || 0);
}

/** The retired models that the table knows, which the API lists only where they are asked for. */
export function retiredModels(): ModelInfo[] {
  return KNOWN_MODELS.filter(({ lifecycle }) => lifecycle === "retired").map(({ id }) => infoOf(id));
}

/**
 * A model under any name that a message may have: of the CLI's list, of the table, of the model map, or one that
 * upstream has answered to. Throws `ApiError` 404.
 */
export function findModel(models: readonly CliModel[], asked: string, { modelMap, wasAnswered }: Naming): ModelInfo {
  const target = Object.hasOwn(modelMap, asked) ? (modelMap[asked] as string) : asked;
  const name = plain(target);
  const alias = Object.hasOwn(SHORTHANDS, name) ? SHORTHANDS[name] : name;
  const model = models.find(({ value }) => plain(value) === alias) ?? models.find((one) => plain(idOf(one)) === name);
  if (model) return { ...infoOf(idOf(model), model), id: asked };
  const isForm = canonical(name) !== name;
  // a cloud's form of an id means something only where the CLI itself uses such forms
  const isTaken = !isForm || models.some((one) => canonical(plain(idOf(one))) !== plain(idOf(one)));
  if ((isTaken && known(name)) || wasAnswered(target)) return { ...infoOf(target), id: asked };
  throw modelNotFound(asked);
}

/** What is shown until the CLI has said what it has: the newest model of each line that everybody may use. */
export function likelyModels(): CliModel[] {
  const lines = ["opus", "fable", "sonnet", "haiku"];
  return lines.flatMap((line) => {
    const newest = KNOWN_MODELS.find((model) => model.line === line);
    return newest ? { value: line, resolvedModel: newest.id } : [];
  });
}

function idOf({ value, resolvedModel }: CliModel): string {
  // the CLI asks upstream for it without what it means to the CLI itself
  return (resolvedModel ?? value).replace(LONG_CONTEXT, "");
}

function infoOf(id: string, model?: CliModel): ModelInfo {
  const row = known(plain(id));
  const line = row?.line ?? lineOf(model);
  return {
    type: "model",
    id,
    display_name: row?.name ?? model?.displayName ?? id,
    created_at: row ? timeOf(row.released) : UNKNOWN_TIME,
    lifecycle: row?.lifecycle ?? "active",
    deprecated_at: row?.deprecated ? timeOf(row.deprecated) : null,
    retires_at: row?.retires ? timeOf(row.retires) : null,
    line: line ?? null,
    max_input_tokens: row?.window ?? null,
    max_tokens: row?.output ?? null,
    capabilities: capabilities(row ?? KNOWN_MODELS.find((one) => one.line === line), model),
  };
}

/**
 * What the table says, and for a model newer than the table what it says of the last one of its line; what the CLI says
 * of the very model goes before both.
 */
function capabilities(row: KnownModel | undefined, model: CliModel | undefined): Capabilities | null {
  if (!row) return null;
  const { supportsEffort, supportedEffortLevels = [] } = model ?? {};
  if (supportsEffort === undefined) return capabilitiesOf(row);
  const efforts = (["low", "medium", "high", "xhigh", "max"] as const).filter((one) =>
    supportedEffortLevels.includes(one),
  );
  return capabilitiesOf({ ...row, efforts: supportsEffort ? efforts : [] });
}

/** The line of a model that the CLI lists under the alias of one; an id is no basis for it. */
function lineOf(model: CliModel | undefined): ModelLine | undefined {
  const alias = plain(model?.value ?? "");
  return KNOWN_MODELS.find(({ line }) => line === alias)?.line;
}

function known(name: string): KnownModel | undefined {
  const id = canonical(name);
  return KNOWN_MODELS.find((model) => model.id === id || model.also.includes(id));
}

const LONG_CONTEXT = /\[1m\]$/i;

/** A name without what does not matter in it (`docs/differences.md`). */
function plain(name: string): string {
  return name.trim().toLowerCase().replace(LONG_CONTEXT, "").trim();
}

/** Anthropic's own id of a model that Bedrock (`us.anthropic.ID-v1:0`) or Vertex (`ID@20251101`) has another form of. */
function canonical(name: string): string {
  return name
    .replace(/^([a-z]+\.)?anthropic\./, "")
    .replace(/-v\d+(:\d+)?$/, "")
    .replace(/@(\d{8})$/, "-$1");
}

function timeOf(date: string): string {
  return `${date}T00:00:00Z`;
}
