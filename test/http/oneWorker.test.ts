import { expect, it } from "vitest";
import { FULL, QUICK } from "../support/full.ts";
import { eventsOf, startApp } from "../support/harness.ts";
import { reply, text, thinking, toolUse } from "../support/replies.ts";

const REQUESTS = FULL ? 200 : QUICK ? 20 : 60;

/** A request unlike its neighbours: each field appears in its own rhythm. */
function request(n: number) {
  const tool = { name: `tool_${n}`, input_schema: { type: "object", properties: { [`p${n}`]: { type: "number" } } } };
  return {
    model: ["sonnet", "haiku", "opus", "claude-sonnet-5-5"][n % 4],
    max_tokens: 2000 + n,
    messages: [
      ...(n % 3 === 0
        ? [
            { role: "user", content: `question ${n}` },
            { role: "assistant", content: [{ type: "tool_use", id: `toolu_${n}`, name: tool.name, input: { n } }] },
            { role: "user", content: [{ type: "tool_result", tool_use_id: `toolu_${n}`, content: `result ${n}` }] },
          ]
        : [{ role: "user", content: [{ type: "text", text: `message ${n}` }] }]),
    ],
    ...(n % 2 === 0 && { stream: true }),
    ...(n % 3 === 0 && { tools: [tool] }),
    ...(n % 5 === 0 && { thinking: { type: "enabled", budget_tokens: 1024 + n } }),
    ...(n % 7 === 0 && { stop_sequences: [`stop ${n}`] }),
    ...(n % 11 === 0 && { metadata: { user_id: `user ${n}` } }),
    ...(n % 13 === 0 && { output_config: { effort: "low" } }),
  };
}

function answer(n: number) {
  const blocks = [text(`answer ${n} in words`)];
  if (n % 5 === 0) blocks.unshift(thinking(`thought ${n}`));
  if (n % 3 === 0) blocks.push(toolUse(`tool_${n}`, { n }, `toolu_answer_${n}`));
  const stop_reason = n % 17 === 0 ? "max_tokens" : n % 3 === 0 ? "tool_use" : "end_turn";
  return reply(blocks, { stop_reason, usage: { input_tokens: n, output_tokens: n + 1 } });
}

it(`carries ${REQUESTS} different requests through one worker, each complete and unmixed`, async () => {
  await using app = await startApp({ maxConcurrent: 1 });
  for (let n = 0; n < REQUESTS; n++) {
    const sent = request(n);
    const scripted = answer(n);
    app.fakeApi.reset();
    app.fakeApi.respond = () => scripted;
    const response = await app.post(sent);
    expect(response.status).toBe(200);

    expect(app.fakeApi.messages).toHaveLength(1);
    const { system, metadata, model, ...upstream } = app.fakeApi.messages[0]!.body;
    const { model: _, metadata: sentMetadata, ...carried } = sent;
    expect(upstream).toEqual({ ...carried, stream: true });
    expect(system).toHaveLength(2);
    if (sentMetadata) expect(metadata).toEqual(sentMetadata);
    else expect(metadata.user_id).toContain("device_id");
    expect(model).toMatch(/^claude-/);

    if (!("events" in scripted)) throw new Error("unreachable");
    const upstreamEvents = [...(scripted.events as Iterable<{ type: string }>)].filter(
      (event) => event.type !== "ping",
    );
    if (sent.stream) expect(await eventsOf(response)).toEqual(upstreamEvents);
    else expect(await response.json()).toEqual(scripted.folded);
  }
  const started = app.log.filter((line) => /^\[info\] worker \d+ (started|ended)/.test(line));
  expect(started).toEqual([expect.stringContaining("started")]);
});
