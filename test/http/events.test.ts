import { describe, expect, it } from "vitest";
import { simple } from "../support/harness.ts";
import { eventsFor, pacedReply, type StreamEvent, text, toolUse, written } from "../support/replies.ts";
import { onEachTransport } from "../support/transports.ts";

/** The texts of an answer's events, as the client gets them. */
const textsOf = async (response: Response) =>
  (await response.text())
    .split("\n")
    .flatMap((line) => (line.startsWith("data: ") ? [line.slice("data: ".length)] : []));

/** JSON that JavaScript would write otherwise. */
const INPUT = String.raw`{"n": 9007199254740993, "10": 1.0, "2": 1e2, "s": "\u00e9\/\ud83d", "n": -0}`;
const ODD_DELTA = String.raw`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\u00e9\/"},"big":9007199254740993,"10":1.0,"2":2,"d":1,"d":2}`;

onEachTransport(({ app }) => {
  describe("the text of an event", () => {
    it("arrives letter by letter where upstream writes it as JavaScript does", async () => {
      const said = 'é "quoted" \\ \u{1f600} \t\u0001 </script> 1e400';
      const events = [...eventsFor([text(said), toolUse("look", { z: 1, a: [1.5, null] })])];
      app.fakeApi.respond = () => pacedReply(events);
      const sent = events.filter(({ type }) => type !== "ping").map((event) => JSON.stringify(event));
      expect(await textsOf(await app.post(simple("x", { stream: true })))).toEqual(sent);
    });

    it("is otherwise what JavaScript makes of it, as docs/differences.md says", async () => {
      const [start, block, ping, ...rest] = [...eventsFor([text("one")])] as [StreamEvent, StreamEvent, StreamEvent];
      app.fakeApi.respond = () => pacedReply([start, block, ping, written(ODD_DELTA), ...rest]);
      const texts = await textsOf(await app.post(simple("x", { stream: true })));
      expect(texts[2]).toBe(JSON.stringify(JSON.parse(ODD_DELTA)));
    });
  });

  it("a tool's input, which is a text within events, keeps its numbers and the order of its keys", async () => {
    const events = [...eventsFor([toolUse("look", {})])].map((event) =>
      event.delta?.type === "input_json_delta" ? { ...event, delta: { ...event.delta, partial_json: "" } } : event,
    );
    const at = events.findIndex(({ type }) => type === "content_block_stop");
    const delta = { type: "input_json_delta", partial_json: INPUT };
    app.fakeApi.respond = () => pacedReply(events.toSpliced(at, 0, { type: "content_block_delta", index: 0, delta }));
    const texts = await textsOf(await app.post(simple("x", { stream: true })));
    expect(texts.map((one) => JSON.parse(one).delta?.partial_json ?? "").join("")).toBe(INPUT);
    const folded = await (await app.post(simple("x"))).text();
    expect(folded).toContain(`"input":${INPUT}`);
  });
});
