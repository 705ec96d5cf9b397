import { eventsFor, pacedReply, type Reply, text } from "../replies.ts";

/** An answer that pauses after this many words, until `opened` resolves. */
export function interrupted(answer: string, words: number, opened: Promise<void>): Reply {
  const events = [...eventsFor([text(answer)])];
  const pause = events.findIndex(({ type }) => type === "content_block_delta") + words;
  return pacedReply(
    (async function* () {
      yield* events.slice(0, pause);
      await opened;
      yield* events.slice(pause);
    })(),
  );
}
