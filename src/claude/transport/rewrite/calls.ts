/** Matches model calls in the source of mods, for Anthropic's API, Bedrock and Vertex. */
export const MODEL_CALL = String.raw`/(\/v1\/messages|(?<!\/count-tokens):(streamR|r)awPredict|\/invoke(-with-response-stream)?)(\?|$)/`;
export const COUNT_CALL = String.raw`/\/count[-_]tokens/`;
