import type { EncodedJson } from "./encodedJson.ts";
import type { EncodedText } from "./overlay/encodedText.ts";

/** Instructions over this size keep an idle CLI silent while it reads them. */
const SLOW_INSTRUCTION_BYTES = 1024 * 1024;

/** What a worker is given for one request, on either transport. */
export type TurnRequest = OverlayRequest | RewriteRequest;

interface AnyRequest {
  /** Alias or id; the CLI resolves it and picks the betas that fit the model. */
  model: string;
  /** A digest of the messages, by which the request is recognized should it come back to us. */
  conversation?: string;
}

/** A request that the CLI merges into its own. */
export interface OverlayRequest extends AnyRequest {
  transport: "overlay";
  /** The client's body without `model`, `system` and `stream`, merged by the CLI into its own; a large one as its JSON. */
  body: Record<string, unknown> | EncodedText;
  /** How long the CLI's own cache marks on the system prompt keep it, which stand for the client's; undefined for no marks. */
  systemCacheTtl: "5m" | "1h" | undefined;
  /** Whether no `temperature` may be added. The body must have a `thinking` then, which takes the place of the CLI's. */
  withoutTemperature: boolean;
}

/** A request that our mod sends in place of the CLI's own. */
export interface RewriteRequest extends AnyRequest {
  transport: "rewrite";
  /** The text for the mod (see rewrite/instruction.ts); a large one as its JSON. */
  instruction: string | EncodedJson;
}

/** Whether the CLI shows a sign of life within milliseconds after it was given the request. */
export function isReadAtOnce(request: TurnRequest): boolean {
  if (request.transport === "overlay") return false;
  const { instruction } = request;
  return (typeof instruction === "string" ? instruction : instruction.literal).length < SLOW_INSTRUCTION_BYTES;
}
