import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { l10n } from "vscode";
import { cliUnusable, notSignedIn } from "../../src/api/cliErrors.ts";
import { ApiError } from "../../src/api/errors.ts";
import { describe as descriptorOf, MESSAGE_VALUES, type MessageId } from "../../src/api/messageDescriptors.ts";
import { messageText } from "../../src/extension/messageText.ts";
import { errorMessage, pauseReason } from "../../src/extension/texts.ts";

const root = join(import.meta.dirname, "../..");
const bundle = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(join(root, "l10n", `bundle.l10n${name}.json`), "utf8"));
const french = bundle(".fr");
const english = bundle("");

afterEach(() => vi.restoreAllMocks());

const localization = l10n as { t(message: string, ...args: unknown[]): string };
const original = localization.t;

/** Has VS Code speak the language of a bundle. */
function speak(texts: Record<string, string>): void {
  vi.spyOn(localization, "t").mockImplementation((key, ...args) => original(texts[key] ?? key, ...args));
}

const IDS = Object.keys(MESSAGE_VALUES) as MessageId[];

describe.each([
  ["English", english],
  ["French", french],
])("in %s", (_, texts) => {
  it.each(IDS)("%s has a text with all its values", (id) => {
    speak(texts);
    const names: readonly string[] = MESSAGE_VALUES[id];
    const values = Object.fromEntries(names.map((name) => [name, `<${name}>`]));
    const text = messageText({ id, values }) ?? "";
    for (const name of names) expect(text).toContain(`<${name}>`);
    expect(text.replace(/<\w+>/g, "")).not.toMatch(/[{}]|undefined/);
    expect(text).not.toBe("");
  });
});

it("every French text differs from the English one, unless it holds only values and signs", () => {
  for (const id of IDS) {
    const values = Object.fromEntries(MESSAGE_VALUES[id].map((name) => [name, "1"]));
    speak(english);
    const before = messageText({ id, values }) as string;
    vi.restoreAllMocks();
    speak(french);
    const words = before.replace(/Claude Code/g, "").match(/\p{L}{2,}/gu) ?? [];
    if (words.length > 0) expect(messageText({ id, values }), id).not.toBe(before);
  }
});

describe("a failure of the core", () => {
  const reason = descriptorOf("file_missing", {});

  it("is said in French, with its reason", () => {
    speak(french);
    expect(errorMessage(cliUnusable("/none", "no such file", reason))).toMatch(
      /«\s\/none\s» ne .*\s: fichier introuvable\./,
    );
    expect(errorMessage(notSignedIn())).toMatch(/^Claude Code n’est pas connecté\./);
  });

  it("is said in French over HTTP as well", () => {
    speak(french);
    const { details } = cliUnusable("/none", "no such file", reason).described();
    const wire = JSON.parse(JSON.stringify({ details, apiMessage: "'/none' does not run" }));
    expect(errorMessage(Object.assign(new Error("500"), wire))).toContain("fichier introuvable");
  });

  it("keeps upstream's own message", () => {
    speak(french);
    const error = new ApiError(404, "not_found_error", "model: x");
    expect(error.described()).toBe(error);
    expect(errorMessage(Object.assign(new Error("404"), { apiMessage: "model: x", details: null }))).toBe("model: x");
  });

  it.each([
    ["an unknown id", { id: "of_tomorrow", values: {} }],
    ["a property of every object", { id: "constructor", values: {} }],
    ["a missing value", { id: "cli_unusable", values: { path: "/none" } }],
    ["a value of another type", { id: "cli_unusable", values: { path: "/none", reason: true } }],
    ["no values", { id: "cli_missing" }],
    ["no object", "cli_missing"],
  ])("is shown in English after %s", (_, message) => {
    speak(french);
    expect(messageText(message)).toBeUndefined();
    expect(pauseReason({ reason: "Paused", message })).toBe("Paused");
  });

  it("makes no link of a value", () => {
    const descriptor = descriptorOf("data_file_unreadable", { path: "[Retry](command:evil)" });
    expect(errorMessage(Object.assign(new Error(), { descriptor }))).toContain("[Retry] (command:evil)");
  });
});
