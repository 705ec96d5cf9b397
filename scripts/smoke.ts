import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { ClaudeClient } from "../src/client.ts";
import { startServerProcess } from "../test/support/serverProcess.ts";

/** Sends a message and a stream through the headless server, on the Node given as argument, or else on npm's. */
const node = process.argv[2] ?? process.env.npm_node_execpath ?? process.execPath;
await using server = await startServerProcess([], {}, node);
const client = new ClaudeClient({ baseURL: server.url });
assert.equal(await client.message("Hello"), "You said: Hello");
assert.ok((await client.models()).some((model) => model.id === "sonnet"));
const response = await server.post({ model: "sonnet", max_tokens: 10, messages: [{ role: "user", content: "Hi" }] });
const message = (await response.json()) as { content: unknown };
assert.deepEqual(message.content, [{ type: "text", text: "You said: Hi" }]);
console.log(`The headless server works on Node ${execFileSync(node, ["--version"], { encoding: "utf8" }).trim()}.`);
