/** Lets the model call a tool until it answers in words. The tool runs here, not in the server. */
import Anthropic from "@anthropic-ai/sdk";

const anthropic = new Anthropic({
  baseURL: process.env.ANTHROPIC_BASE_URL ?? "http://127.0.0.1:8080",
  apiKey: process.env.ANTHROPIC_API_KEY ?? "any-key",
});

const tools: Anthropic.Tool[] = [
  {
    name: "get_weather",
    description: "Gets the current weather of a city.",
    input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
];
const getWeather = ({ city }: { city: string }) => `12 °C and rain in ${city}`;

const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Do I need an umbrella in Paris?" }];
for (;;) {
  const { content, stop_reason } = await anthropic.messages.create({
    model: "sonnet",
    max_tokens: 1024,
    tools,
    messages,
  });
  for (const block of content) if (block.type === "text") console.log(block.text);
  if (stop_reason !== "tool_use") break;
  const results = content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
    block.type === "tool_use"
      ? [{ type: "tool_result", tool_use_id: block.id, content: getWeather(block.input as { city: string }) }]
      : [],
  );
  messages.push({ role: "assistant", content }, { role: "user", content: results });
}
