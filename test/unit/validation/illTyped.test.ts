import fc from "fast-check";
import { expect, it } from "vitest";
import type { Message, StreamEvent } from "../../../src/api/events.ts";
import { fold } from "../../../src/api/fold.ts";
import { UsageMeter } from "../../../src/api/usage.ts";
import { stripPlaceholderToken } from "../../../src/messages/stripPlaceholderToken.ts";
import { TURN_BEGINS } from "../../support/outcomes.ts";
import { eventsFor, text, toolUse } from "../../support/replies.ts";
import { batched, collectBatches } from "../../support/streams.ts";
import { overlayTurn } from "../../support/turns.ts";

const FIELDS = ["index", "message", "content_block", "delta", "usage", "content", "type", "model", "text", "to"];
const ANSWER: StreamEvent[] = [...eventsFor([text("Two words"), toolUse("look", { at: "a" })])];

/** An answer's event with one field, of depth one or two, removed or replaced. */
const spoiled = fc
  .record({
    event: fc.constantFrom(...ANSWER),
    field: fc.constantFrom(...FIELDS),
    inside: fc.option(fc.constantFrom(...FIELDS), { nil: undefined }),
    value: fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }),
  })
  .map(({ event, field, inside, value }): StreamEvent => {
    const within = inside === undefined ? value : { ...(event[field] as object), [inside]: value };
    return { ...event, [field]: within, type: event.type };
  });
const answers = fc.array(fc.oneof(spoiled, fc.constantFrom(...ANSWER)), { maxLength: 20 });

it("events with any field missing or of any type never fail a turn, its fold or its counts", async () => {
  await fc.assert(
    fc.asyncProperty(answers, async (events) => {
      const turn = overlayTurn();
      turn.onStderrLine(TURN_BEGINS);
      // otherwise the turn would wait for the failure
      turn.onStderrLine("[ERROR] API error (attempt 1/1): 500 500 Broken");
      for (const event of events) await turn.accept({ type: "stream_event", event });
      await turn.accept({ type: "result", subtype: "success", is_error: false });
      const came = await collectBatches(turn.events).catch((error: Error) => {
        expect(error.name).toBe("ApiError");
        return events;
      });
      const meter = new UsageMeter("sonnet");
      for (const event of came) {
        meter.see(event);
        stripPlaceholderToken(event);
      }
      expect(meter.input).toBeTypeOf("number");
      expect(meter.model).toBeTypeOf("string");
      const message = await fold(batched([ANSWER[0] as StreamEvent, ...came]));
      expect((message as Message).content).toBeInstanceOf(Array);
    }),
  );
});
