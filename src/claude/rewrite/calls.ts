/** For the sources of mods: matches the addresses of the model's calls, on Anthropic's API, Bedrock and Vertex alike. */
export const MODEL_CALL = String.raw`/(\/v1\/messages|(?<!\/count-tokens):(streamR|r)awPredict|\/invoke(-with-response-stream)?)(\?|$)/`;
/** And those of its counter's. */
export const COUNT_CALL = String.raw`/\/count[-_]tokens/`;
