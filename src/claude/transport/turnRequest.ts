import type { EncodedJson } from "../protocol/encodedJson.ts";
import type { EncodedText } from "./overlay/encodedText.ts";

/** Larger instructions keep an idle CLI silent while it reads them. */
const SLOW_INSTRUCTION_BYTES = 1024 * 1024;

/** A request as a worker gets it, for either transport. */
export type TurnRequest = OverlayRequest | RewriteRequest;

interface AnyRequest {
  /** Alias or id. The CLI resolves it and selects the betas for the model. */
  model: string;
  /** Digest of the messages, to detect a loop. */
  contentDigest?: string;
}

/** A request that the CLI merges into its own. */
export interface OverlayRequest extends AnyRequest {
  transport: "overlay";
  /** The client's body without `model`, `system` and `stream`; a large one as JSON. */
  body: Record<string, unknown> | EncodedText;
  /** Lifetime of the CLI's cache marks on the system prompt, which replace the client's. */
  systemCacheTtl: "5m" | "1h" | undefined;
  /** Whether the CLI must not add a `temperature`; the body then needs a `thinking`. */
  withoutTemperature: boolean;
}

/** A request that our mod sends in place of the CLI's. */
export interface RewriteRequest extends AnyRequest {
  transport: "rewrite";
  instruction: string | EncodedJson;
}

/** Whether the CLI writes something within milliseconds of this request. */
export function respondsAtOnce(request: TurnRequest): boolean {
  if (request.transport === "overlay") return false;
  const { instruction } = request;
  return (typeof instruction === "string" ? instruction : instruction.literal).length < SLOW_INSTRUCTION_BYTES;
}
