import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";

const ROUNDS = 20;
const dist = join(import.meta.dirname, "../dist");

/** Loads and activates the extension in a new process, with a minimal fake of VS Code. */
const PROBE = `
const Module = require("node:module");
const disposable = { dispose() {} };
const item = () => new Proxy({}, { get: () => () => {}, set: () => true });
class Disposable { constructor(dispose) { this.dispose = dispose; } static from() { return disposable; } }
class MarkdownString { appendText() {} appendMarkdown() {} }
const vscode = {
  Disposable, MarkdownString, ThemeColor: class {}, StatusBarAlignment: { Right: 2 },
  l10n: { t: (text) => text },
  commands: { registerCommand: () => disposable, executeCommand: async () => {} },
  window: { createOutputChannel: item, createStatusBarItem: item },
  workspace: { getConfiguration: () => ({ get: () => undefined }), onDidChangeConfiguration: () => disposable },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));
const start = performance.now();
const extension = require(process.argv[1]);
const loaded = performance.now();
extension.activate({ subscriptions: [], secrets: {}, globalStorageUri: { fsPath: "/nowhere" } });
const activated = performance.now();
console.log(JSON.stringify([loaded - start, activated - loaded]));
process.exit(0);
`;

const samples = Array.from({ length: ROUNDS }, () => {
  const output = execFileSync(process.execPath, ["--eval", PROBE, join(dist, "extension.js")], { encoding: "utf8" });
  return JSON.parse(output) as [number, number];
});
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const [load, activate] = [0, 1].map((index) => median(samples.map((sample) => sample[index]!))) as [number, number];
const size = (file: string) => `${(statSync(join(dist, file)).size / 1024).toFixed(0)} KB`;

console.log(`Activation of the extension, in a new Node process each time (${ROUNDS} rounds, median)`);
console.log(`  load ${load.toFixed(1)} ms, activate ${activate.toFixed(1)} ms`);
console.log(`  extension.js ${size("extension.js")}, server.js ${size("server.js")}, client.js ${size("client.js")}`);
