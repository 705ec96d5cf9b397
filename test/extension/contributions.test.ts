import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  CLI_KEY,
  Command,
  SECTION,
  SERVER_SETTINGS,
  Setting,
  STATE_KEY,
  WALKTHROUGH,
} from "../../src/extension/contributions.ts";
import { defaultOf, OPTION_TABLE } from "../../src/optionTable.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));
const manifest = read("package.json");
const { contributes } = manifest;
interface Property {
  order: number;
  default: unknown;
  minimum?: number;
  maximum?: number;
  markdownDescription: string;
  scope: string;
}
const properties: Record<string, Property> = contributes.configuration.properties;
const sources = globSync("src/extension/**/*.ts", { cwd: root }).map((path) => readFileSync(join(root, path), "utf8"));

describe("package.json and the code agree on", () => {
  it("the commands", () => {
    const declared = contributes.commands.map(({ command }: { command: string }) => command);
    expect(declared.toSorted()).toEqual(Object.values(Command).toSorted());
  });

  it("the settings", () => {
    const used = Object.values(Setting).map((name) => `${SECTION}.${name}`);
    expect(Object.keys(properties).toSorted()).toEqual(used.toSorted());
    expect(Object.values(Setting)).toEqual(expect.arrayContaining([...SERVER_SETTINGS]));
  });

  it.each(OPTION_TABLE.filter(({ setting }) => setting))("the default and the range of $setting", (row) => {
    const property = properties[`${SECTION}.${row.setting}`];
    const value = defaultOf(row);
    expect(property?.default).toEqual(typeof value === "function" ? value() : (value ?? ""));
    const [minimum = 0, maximum = Number.POSITIVE_INFINITY] = row.range ?? [];
    expect(property?.minimum ?? minimum).toBeGreaterThanOrEqual(minimum);
    expect(property?.maximum ?? maximum).toBeLessThanOrEqual(maximum);
  });

  it("the walkthrough and the context key", () => {
    expect(WALKTHROUGH).toBe(`${manifest.publisher}.${manifest.name}#${contributes.walkthroughs[0].id}`);
    expect(JSON.stringify(contributes).match(/claudeVirtualApi\.state\b/g)?.length).toBeGreaterThan(0);
    expect(STATE_KEY).toBe("claudeVirtualApi.state");
    expect(JSON.stringify(contributes)).toContain(`onContext:${CLI_KEY} == ready`);
  });

  it("the commands that menus, walkthroughs and Markdown name", () => {
    const named = JSON.stringify([contributes, read("package.nls.json")]).matchAll(/command:(claudeVirtualApi\.\w+)/g);
    const known = Object.values(Command) as string[];
    for (const [, command] of named) expect(known).toContain(command);
  });
});

describe("the settings", () => {
  it("are numbered without gaps", () => {
    const orders = Object.values(properties).map(({ order }) => order);
    expect(orders.toSorted((a, b) => a - b)).toEqual(orders.map((_, index) => index + 1));
  });

  it("that name programs or variables cannot be set by a workspace", () => {
    for (const name of [
      Setting.claudePath,
      Setting.environment,
      Setting.host,
      Setting.allowedOrigins,
      Setting.allowedHosts,
      Setting.requireApiKey,
    ]) {
      expect(properties[`${SECTION}.${name}`]?.scope).toBe("machine");
    }
    expect(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations).toEqual(
      expect.arrayContaining([`${SECTION}.claudePath`, `${SECTION}.environment`]),
    );
  });
});

describe("English and French have every text:", () => {
  const placeholders = (text: string) => (text.match(/\{\w+\}|%\w+%|command:[\w.]+|`[^`]+`/g) ?? []).toSorted();

  it("those of package.json", () => {
    const used = new Set([...JSON.stringify(manifest).matchAll(/"%([^%"]+)%"/g)].map((match) => match[1]));
    const [english, french] = [read("package.nls.json"), read("package.nls.fr.json")];
    expect(Object.keys(english).toSorted()).toEqual([...used].toSorted());
    expect(Object.keys(french).toSorted()).toEqual([...used].toSorted());
    for (const key of Object.keys(english)) {
      expect(french[key], key).not.toBe("");
      expect(placeholders(french[key]), key).toEqual(placeholders(english[key]));
    }
  });

  it("those of the code", () => {
    const literals = sources.flatMap((source) => [...source.matchAll(/l10n\.t\(\s*("(?:[^"\\]|\\.)*")/g)]);
    const calls = sources.flatMap((source) => source.match(/l10n\.t\(/g) ?? []);
    expect(literals).toHaveLength(calls.length);
    const used = [...new Set(literals.map((match) => JSON.parse(match[1] as string)))].toSorted();
    const [english, french] = [read("l10n/bundle.l10n.json"), read("l10n/bundle.l10n.fr.json")];
    expect(Object.keys(english).toSorted()).toEqual(used);
    expect(Object.keys(french).toSorted()).toEqual(used);
    for (const key of used) expect(placeholders(french[key]), key).toEqual(placeholders(key));
  });

  it("and the French ones have no-break spaces before double punctuation, and typographic apostrophes", () => {
    const texts = ["package.nls.fr.json", "l10n/bundle.l10n.fr.json"].flatMap((path) => Object.entries(read(path)));
    for (const [key, text] of texts) {
      // the list of characters that a file name must not contain
      const prose = String(text).replace("< > : | ? * / \\", "");
      expect(prose, key).not.toMatch(/ [;:?!](?=\s|$)|« | »|['"]/);
    }
  });

  it("and every title and description is one of them", () => {
    for (const { title } of contributes.commands) expect(title).toMatch(/^%.+%$/);
    for (const { markdownDescription } of Object.values(properties)) expect(markdownDescription).toMatch(/^%.+%$/);
  });
});
