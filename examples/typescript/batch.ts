/** Creates a batch, waits for its end and prints the results. */
import { setTimeout as pause } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";

const anthropic = new Anthropic({
  baseURL: process.env.ANTHROPIC_BASE_URL ?? "http://127.0.0.1:8080",
  apiKey: process.env.ANTHROPIC_API_KEY ?? "any-key",
});

const { id } = await anthropic.messages.batches.create({
  requests: ["red", "blue"].map((color) => ({
    custom_id: color,
    params: { model: "haiku", max_tokens: 100, messages: [{ role: "user", content: `Name something ${color}.` }] },
  })),
});
while ((await anthropic.messages.batches.retrieve(id)).processing_status !== "ended") await pause(1000);
for await (const { custom_id, result } of await anthropic.messages.batches.results(id)) {
  const content = result.type === "succeeded" ? result.message.content : [];
  console.log(custom_id, result.type, ...content.flatMap((block) => (block.type === "text" ? [block.text] : [])));
}
