import { expect, it } from "vitest";
import { simple } from "../support/harness.ts";
import { eventsFor, pacedReply, reply, text } from "../support/replies.ts";
import { onEachTransport } from "../support/transports.ts";
import { arrivesAs } from "./differences.ts";

/** Listed differences that comparing whole requests and answers cannot show. */

onEachTransport(({ app, transport }) => {
  it.each([true, false])("a tool's input comes back unchanged, stream %s", async (stream) => {
    const input = '{"id":1234567890123456789,"1":2,"0":1.0}';
    const block = { type: "tool_use", id: "toolu_1", name: "look", input: {} };
    const delta = { type: "input_json_delta", partial_json: input };
    const [start, end, stop] = [...eventsFor([])];
    app.fakeApi.respond = () =>
      pacedReply([
        ...[start!, { type: "content_block_start", index: 0, content_block: block }],
        ...[
          { type: "content_block_delta", index: 0, delta },
          { type: "content_block_stop", index: 0 },
        ],
        ...[end!, stop!],
      ]);
    const response = await app.post({ ...simple("x"), stream });
    expect(response.headers.get("content-type")).toMatch(stream ? /^text\/event-stream/ : /^application\/json/);
    expect(await response.text()).toContain(stream ? JSON.stringify(input).slice(1, -1) : `"input":${input}`);
  });

  it.each([" claude-sonnet-5-5 ", "Claude-Sonnet-5-5", "claude-sonnet-5-5[1m]"])(
    "a model's name is matched like this: %j",
    async (model) => {
      await app.post({ ...simple(), model });
      expect(app.fakeApi.messages[0]?.body.model).toBe("claude-sonnet-5-5");
    },
  );

  if (transport === "rewrite") return;

  it("a request for no tokens fills the cache, and is answered without the token it needs", async () => {
    const answer = reply([text("H")], { stop_reason: "end_turn", usage: { cache_creation_input_tokens: 5000 } });
    app.fakeApi.respond = () => answer;
    const request = { ...simple(), model: "claude-sonnet-5-5", max_tokens: 0 };
    const response = await app.post(request);
    expect(app.fakeApi.messages.map(({ body }) => body)).toEqual([arrivesAs(request)]);
    if (!("folded" in answer)) throw new Error("no stream was scripted");
    expect(await response.json()).toEqual({
      ...(answer.folded as object),
      ...{ content: [], stop_reason: "max_tokens", stop_sequence: null },
    });
  });

  it.each([
    ["12345678901234567890", "12345678901234567000"],
    ["-0", "0"],
    ["1.0", "1"],
    ["1e400", "null"],
    ['{"b":1,"1":2,"a":3,"0":4}', '{"0":4,"1":2,"b":1,"a":3}'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['{"b":1,"a":[0.1,1e21,-2.5e-7],"é":"\u00e9"}', '{"b":1,"a":[0.1,1e+21,-2.5e-7],"é":"é"}'],
  ])("JSON passes through JavaScript: %s arrives as %s", async (sent, arrived) => {
    const body = `{"model":"claude-sonnet-5-5","max_tokens":9,"messages":[{"role":"user","content":"x"}],"foo":${sent}}`;
    const headers = { "x-api-key": "any-key", "content-type": "application/json" };
    await app.call("/v1/messages", { method: "POST", headers, body });
    expect(app.fakeApi.messages[0]?.raw).toContain(`"foo":${arrived}`);
  });
});
