import { countTokens } from "gpt-tokenizer/encoding/o200k_base";

/** Tokens of a text by a public tokenizer. It has a bundle of its own, which is loaded when the API cannot be asked. */
export function publicTokens(text: string): number {
  // what looks like one of its special tokens is a client's text like any other
  return countTokens(text, { disallowedSpecial: new Set() });
}
