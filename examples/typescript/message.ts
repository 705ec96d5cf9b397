/** Sends a message, then streams one. */
import Anthropic from "@anthropic-ai/sdk";

const anthropic = new Anthropic({
  baseURL: process.env.ANTHROPIC_BASE_URL ?? "http://127.0.0.1:8080",
  apiKey: process.env.ANTHROPIC_API_KEY ?? "any-key",
});

const message = await anthropic.messages.create({
  model: "sonnet",
  max_tokens: 1024,
  messages: [{ role: "user", content: "Hello, Claude" }],
});
for (const block of message.content) if (block.type === "text") console.log(block.text);

const stream = anthropic.messages.stream({
  model: "haiku",
  max_tokens: 1024,
  messages: [{ role: "user", content: "Tell me a story" }],
});
stream.on("text", (text) => process.stdout.write(text));
await stream.finalMessage();
process.stdout.write("\n");
