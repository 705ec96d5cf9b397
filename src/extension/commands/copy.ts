import * as vscode from "vscode";
import type { Parts } from "./register.ts";

/** Time for which a message in the status bar shows. */
export const STATUS_MESSAGE_MS = 4000;

/** The variables that SDKs and most tools read. */
function variables(url: string, key: string): [name: string, value: string][] {
  return [
    ["ANTHROPIC_BASE_URL", url],
    ["ANTHROPIC_API_KEY", key],
  ];
}

const SHELLS = {
  bash: (name: string, value: string) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`,
  PowerShell: (name: string, value: string) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
  ".env": (name: string, value: string) => `${name}=${value}`,
};

export async function copyUrl({ controller }: Parts): Promise<void> {
  await copy(await controller.ensure());
}

export async function copyEnvironment({ controller, settings }: Parts): Promise<void> {
  const placeHolder = vscode.l10n.t("Copy the environment variables for…");
  const shell = await vscode.window.showQuickPick(Object.keys(SHELLS), { placeHolder });
  if (!shell) return;
  const format = SHELLS[shell as keyof typeof SHELLS];
  const pairs = variables(await controller.ensure(), (await settings.requiredApiKey()) ?? "any-key");
  await copy(`${pairs.map(([name, value]) => format(name, value)).join("\n")}\n`);
}

export async function copyCurl({ controller, settings }: Parts): Promise<void> {
  const url = await controller.ensure();
  const key = (await settings.requiredApiKey()) ?? "any-key";
  const body = {
    model: settings.defaultModel,
    max_tokens: 1024,
    messages: [{ role: "user", content: "Hello, Claude" }],
  };
  await copy(`curl ${url}/v1/messages \\
  -H 'x-api-key: ${key}' \\
  -H 'content-type: application/json' \\
  -d '${JSON.stringify(body)}'
`);
}

export async function copy(text: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  vscode.window.setStatusBarMessage(vscode.l10n.t("Copied to the clipboard"), STATUS_MESSAGE_MS);
}
