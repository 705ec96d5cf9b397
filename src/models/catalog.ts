import { modelNotFound } from "../api/errors.ts";
import type { CliModel } from "../claude/signIn/description.ts";
import { type Capabilities, capabilitiesOf } from "./capabilities.ts";
import { KNOWN_MODELS, type KnownModel, type ModelLine } from "./knownModels.ts";

export type Lifecycle = KnownModel["lifecycle"];

/** An entry of `GET /v1/models` (contract: "Models"; `ModelInfo` of the official SDK 1.14). */
export interface ModelInfo {
  type: "model";
  id: string;
  display_name: string;
  /** RFC 3339. The epoch means unknown (docs: "Models"). */
  created_at: string;
  lifecycle: Lifecycle;
  deprecated_at: string | null;
  retires_at: string | null;
  line: ModelLine | null;
  max_input_tokens: number | null;
  max_tokens: number | null;
  capabilities: Capabilities | null;
}

export interface NameSources {
  modelMap: Record<string, string>;
  wasAnswered(name: string): boolean;
}

/** Names that the CLI resolves but does not list, with the alias each resolves to. */
const UNLISTED_ALIASES: Record<string, string> = { best: "opus", opusplan: "sonnet" };
const UNKNOWN_TIME = "1970-01-01T00:00:00Z";

/** The CLI's models by id and by alias: newest first, ids before their aliases. */
export function toCatalog(models: readonly CliModel[]): ModelInfo[] {
  const named = models.filter(({ value }) => value !== "default");
  const catalog = new Map<string, ModelInfo>();
  for (const model of named) catalog.set(idOf(model), infoOf(idOf(model), model));
  for (const model of named) {
    if (!catalog.has(model.value)) catalog.set(model.value, { ...infoOf(idOf(model), model), id: model.value });
  }
  // models missing from the table are newer
  const age = ({ created_at }: ModelInfo) =>
    created_at === UNKNOWN_TIME ? Number.NEGATIVE_INFINITY : -Date.parse(created_at);
  return [...catalog.values()].sort((a, b) => age(a) - age(b) || 0);
}

/** Retired models of the table. The API lists them only on request. */
export function retiredModels(): ModelInfo[] {
  return KNOWN_MODELS.filter(({ lifecycle }) => lifecycle === "retired").map(({ id }) => infoOf(id));
}

/**
 * Finds a model by any name that a message may use: of the CLI's list, the table, the model map, or an answered
 * request. Throws `ApiError` 404.
 */
export function findModel(
  models: readonly CliModel[],
  asked: string,
  { modelMap, wasAnswered }: NameSources,
): ModelInfo {
  const target = Object.hasOwn(modelMap, asked) ? (modelMap[asked] as string) : asked;
  const name = normalize(target);
  const alias = Object.hasOwn(UNLISTED_ALIASES, name) ? UNLISTED_ALIASES[name] : name;
  const model =
    models.find(({ value }) => normalize(value) === alias) ?? models.find((one) => normalize(idOf(one)) === name);
  if (model) return { ...infoOf(idOf(model), model), id: asked };
  const isForm = anthropicId(name) !== name;
  // a cloud's form of an id is valid only if the CLI lists such forms
  const isTaken = !isForm || models.some((one) => anthropicId(normalize(idOf(one))) !== normalize(idOf(one)));
  if ((isTaken && knownModel(name)) || wasAnswered(target)) return { ...infoOf(target), id: asked };
  throw modelNotFound(asked);
}

/** Listed until the CLI has answered: the newest model of each generally available line. */
export function likelyModels(): CliModel[] {
  const lines = ["opus", "fable", "sonnet", "haiku"];
  return lines.flatMap((line) => {
    const newest = KNOWN_MODELS.find((model) => model.line === line);
    return newest ? { value: line, resolvedModel: newest.id } : [];
  });
}

function idOf({ value, resolvedModel }: CliModel): string {
  // the CLI removes this suffix before it calls upstream
  return (resolvedModel ?? value).replace(LONG_CONTEXT_SUFFIX, "");
}

function infoOf(id: string, model?: CliModel): ModelInfo {
  const row = knownModel(normalize(id));
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

/** From the table; for a newer model, from the newest of its line. What the CLI reports takes precedence. */
function capabilities(row: KnownModel | undefined, model: CliModel | undefined): Capabilities | null {
  if (!row) return null;
  const { supportsEffort, supportedEffortLevels = [] } = model ?? {};
  if (supportsEffort === undefined) return capabilitiesOf(row);
  const efforts = (["low", "medium", "high", "xhigh", "max"] as const).filter((one) =>
    supportedEffortLevels.includes(one),
  );
  return capabilitiesOf({ ...row, efforts: supportsEffort ? efforts : [] });
}

/** The line of a model, by its alias. Its id is not reliable for this. */
function lineOf(model: CliModel | undefined): ModelLine | undefined {
  const alias = normalize(model?.value ?? "");
  return KNOWN_MODELS.find(({ line }) => line === alias)?.line;
}

function knownModel(name: string): KnownModel | undefined {
  const id = anthropicId(name);
  return KNOWN_MODELS.find((model) => model.id === id || model.also.includes(id));
}

const LONG_CONTEXT_SUFFIX = /\[1m\]$/i;

/** Normalizes case, whitespace and the `[1m]` suffix, which do not matter (`docs/differences.md`). */
function normalize(name: string): string {
  return name.trim().toLowerCase().replace(LONG_CONTEXT_SUFFIX, "").trim();
}

/** Converts ids of Bedrock (`us.anthropic.ID-v1:0`) and Vertex (`ID@20251101`) to Anthropic's. */
function anthropicId(name: string): string {
  return name
    .replace(/^([a-z]+\.)?anthropic\./, "")
    .replace(/-v\d+(:\d+)?$/, "")
    .replace(/@(\d{8})$/, "-$1");
}

function timeOf(date: string): string {
  return `${date}T00:00:00Z`;
}
