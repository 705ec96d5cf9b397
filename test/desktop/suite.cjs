// VS Code requires this file in its extension host and calls `run`, which fails the test by throwing.
const assert = require("node:assert/strict");
const vscode = require("vscode");

exports.run = async () => {
  const extension = vscode.extensions.getExtension("claude-virtual-api.claude-virtual-api");
  assert.ok(extension, "the extension is not installed");
  const api = await extension.activate();

  assert.equal(await api.message("Hello"), "You said: Hello");
  assert.equal(api.state.kind, "running");
  assert.ok((await api.models()).some(({ id }) => id === "sonnet"));

  const response = await fetch(`${api.baseUrl}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "any-key", "anthropic-version": "2023-06-01" },
    body: JSON.stringify({ model: "sonnet", max_tokens: 10, messages: [{ role: "user", content: "Hi" }] }),
  });
  assert.equal(response.status, 200);
  assert.deepEqual((await response.json()).content, [{ type: "text", text: "You said: Hi" }]);

  await vscode.commands.executeCommand("claudeVirtualApi.stop");
  assert.equal(api.state.kind, "stopped");
};
