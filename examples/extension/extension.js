const vscode = require("vscode");

/** Adds a command that asks a question and streams the answer into an output channel. */
exports.activate = (context) => {
  const output = vscode.window.createOutputChannel("Ask Claude", "markdown");
  const command = vscode.commands.registerCommand("askClaude.ask", async () => {
    const question = await vscode.window.showInputBox({ prompt: "What do you want to know?" });
    if (!question) return;
    output.clear();
    output.show(true);
    try {
      const api = await vscode.extensions.getExtension("claude-virtual-api.claude-virtual-api").activate();
      for await (const text of api.messageStream(question, { system: "Be brief." })) output.append(text);
    } catch (error) {
      vscode.window.showErrorMessage(`Claude did not answer: ${error.message}`);
    }
  });
  context.subscriptions.push(output, command);
};
