import { CORPUS, type Requested } from "./corpus.ts";

/** Fields that say what a request is about; a mixture takes them from one request. */
const SUBJECT = ["model", "messages", "tools", "tool_choice"];

/** Mixtures of the corpus: the subject of one request, other fields from others. The seed determines the order. */
export function* randomRequests(count: number, seed: number): Generator<Requested> {
  const random = generator(seed);
  const all = Object.values(CORPUS);
  const pick = () => all[Math.floor(random() * all.length)] as Requested;
  for (let n = 0; n < count; n++) {
    const body: Requested = { ...pick() };
    for (let others = Math.floor(random() * 4); others > 0; others--) {
      const extra = Object.entries(pick()).filter(([field]) => !SUBJECT.includes(field));
      Object.assign(body, Object.fromEntries(extra));
    }
    // a top-level mark or a marked system prompt could be the fifth
    if (JSON.stringify(body).split("cache_control").length > 3) body.system = "Be brief.";
    if (JSON.stringify(body).split("cache_control").length > 5) continue;
    yield body;
  }
}

/** Numbers from 0 to 1, the same in each run (a linear congruential generator). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `count` items of a list, in its order. */
export function sample<T>(list: readonly T[], count: number, seed: number): T[] {
  const random = generator(seed);
  const drawn = list.map((item, index) => ({ item, index, lot: random() }));
  const taken = drawn.sort((a, b) => a.lot - b.lot).slice(0, count);
  return taken.sort((a, b) => a.index - b.index).map(({ item }) => item);
}
