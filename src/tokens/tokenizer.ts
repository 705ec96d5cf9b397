import vocabulary from "@anthropic-ai/tokenizer/claude.json" with { type: "json" };
import type { Slices } from "../shared/slices.ts";

/** Kinds of tokens that newer tokenizers split alike. */
export type TokenKind =
  | "word"
  | "capitalized"
  | "mixedCase"
  | "number"
  | "mark"
  | "marks"
  | "lineBreak"
  | "blank"
  | "foreign"
  | "partOfCharacter"
  | "mixed";

/** Cost of a token by kind, plus that of each further letter, digit or mark in it. */
export type TokenScale = Record<TokenKind, readonly [each: number, perUnit: number]>;

/** Merged at once: merging takes quadratic time, and a seam adds one token at most. */
export const MAX_PIECE_BYTES = 64;
const FREE_LETTER_COUNT = 5;

const TOKEN_KINDS: [TokenKind, RegExp][] = [
  ["word", /^ ?[a-z]+$/],
  ["capitalized", /^ ?[A-Z][a-z]+$/],
  ["mixedCase", /^ ?[A-Za-z]+$/],
  ["number", /^ ?\p{N}+$/u],
  ["lineBreak", /^\s*\n\s*$/],
  ["blank", /^\s+$/],
  ["mark", /^ ?[!-/:-@[-`{-~]$/],
  ["marks", /^ ?[!-/:-@[-`{-~]+$/],
  ["foreign", /\P{ASCII}/u],
];

interface Token {
  kind: TokenKind;
  units: number;
}

/** Anthropic's last public tokenizer. The counts of later ones are estimated from the kinds of its tokens. */
export class Tokenizer {
  /** By the token's bytes as latin1. */
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #tokens: readonly Token[];
  readonly #pattern = new RegExp(vocabulary.pat_str, "gu");

  constructor(ranks: ReadonlyMap<string, number>, tokens: readonly Token[]) {
    this.#ranks = ranks;
    this.#tokens = tokens;
  }

  cost(text: string, scale: TokenScale): number {
    let cost = 0;
    for (const rank of this.ranks(text)) {
      const { kind, units } = this.#tokens[rank] as Token;
      const [each, perUnit] = scale[kind];
      cost += each + units * perUnit;
    }
    return cost;
  }

  *ranks(text: string): Generator<number> {
    for (const piece of this.pieces(text)) yield* this.#merge(piece);
  }

  /** The bytes of a text as latin1, in pieces that are merged separately. */
  *pieces(text: string): Generator<string> {
    for (const [match] of text.matchAll(this.#pattern)) {
      const isAscii = Buffer.byteLength(match) === match.length;
      const bytes = isAscii ? match : Buffer.from(match).toString("latin1");
      for (let at = 0; at < bytes.length; at += MAX_PIECE_BYTES) yield bytes.slice(at, at + MAX_PIECE_BYTES);
    }
  }

  /** Byte pair encoding: merges the neighbours of the lowest rank until none are left. */
  #merge(piece: string): number[] {
    const whole = this.#ranks.get(piece);
    if (whole !== undefined) return [whole];
    const starts = Array.from({ length: piece.length + 1 }, (_, index) => index);
    const rankAt = (index: number) =>
      index + 2 < starts.length
        ? (this.#ranks.get(piece.slice(starts[index], starts[index + 2])) ?? Infinity)
        : Infinity;
    const ranks = starts.map((_, index) => rankAt(index));
    for (;;) {
      let lowest = 0;
      for (let index = 1; index < ranks.length; index += 1) {
        if ((ranks[index] as number) < (ranks[lowest] as number)) lowest = index;
      }
      if (ranks[lowest] === Infinity) break;
      starts.splice(lowest + 1, 1);
      ranks.splice(lowest + 1, 1);
      ranks[lowest] = rankAt(lowest);
      if (lowest > 0) ranks[lowest - 1] = rankAt(lowest - 1);
    }
    return starts.slice(0, -1).map((start, index) => this.#ranks.get(piece.slice(start, starts[index + 1])) as number);
  }
}

/** Reads the vocabulary, which is in a separate bundle. Needed only for estimates. */
export async function loadTokenizer(slices: Slices): Promise<Tokenizer> {
  const ranks = new Map<string, number>();
  const tokens: Token[] = [];
  // `! <first id> <token> <token> …`, tokens in base64
  const [, first, ...encoded] = vocabulary.bpe_ranks.split(" ");
  for (const [index, token] of encoded.entries()) {
    const bytes = Buffer.from(token, "base64");
    const rank = Number(first) + index;
    ranks.set(bytes.toString("latin1"), rank);
    tokens[rank] = toToken(bytes.toString());
    if (index % 256 === 0 && slices.isPauseDue) await slices.pause();
  }
  return new Tokenizer(ranks, tokens);
}

function toToken(text: string): Token {
  const { length } = text.trim();
  if (text.includes("\ufffd")) return { kind: "partOfCharacter", units: 0 };
  const kind = TOKEN_KINDS.find(([, pattern]) => pattern.test(text))?.[0] ?? "mixed";
  if (kind === "word" || kind === "capitalized") return { kind, units: Math.max(0, length - FREE_LETTER_COUNT) };
  return { kind, units: kind === "number" || kind === "marks" ? length : 0 };
}
