import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { defaultOf, OPTION_TABLE } from "../../src/optionTable.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const documents = globSync(["*.md", "{docs,examples}/**/*.md"], { cwd: root });
const pages = documents.filter((path) => path.startsWith("docs/"));

/** The part of a page below a heading of the second level. */
const section = (page: string, heading: string) => {
  const [, part = ""] = read(page).split(`\n## ${heading}\n`);
  return part.split("\n## ", 1).join();
};

/** The cells of each row of the tables in a text, without their heads. */
const rows = (text: string) =>
  [...text.matchAll(/^\|(.*)\|$/gm)]
    .map(([, row = ""]) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .filter(([first = ""]) => first.includes("`"));

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

describe("the README", () => {
  const words = read("README.md").split(/\s+/);

  it("is read in two minutes", () => {
    expect(words.length).toBeLessThanOrEqual(1200);
  });

  it("needs 300 words to send a message", () => {
    expect(words.slice(0, 300).join(" ")).toContain("curl http://127.0.0.1:8080/v1/messages \\ -H");
  });

  it("has a French version with the same commands, links and headings", () => {
    const outline = (path: string) => {
      const text = read(path);
      return {
        code: text.match(/^(```[\s\S]*?```| {4}.*)$/gm)?.filter((block) => !block.includes("──")),
        links: [...text.matchAll(/\]\(([^)#\s]+)/g)]
          .map(([, link]) => link)
          .filter((link) => !link?.startsWith("README")),
        headings: text.match(/^#+(?= )/gm),
        endpoints: text.match(/^\| `(GET|POST|DELETE).*?\|/gm),
      };
    };
    expect(outline("README.fr.md")).toEqual(outline("README.md"));
  });

  it("has no-break spaces before double punctuation in French", () => {
    const prose = read("README.fr.md").replace(/```[\s\S]*?```|^ {4}.*$|`[^`]*`|\]\([^)]*\)/gm, "");
    expect(prose.match(/.{0,20}(?<![\u00a0\u202f\s|:-])[:;?!»](?![\w/:-]).{0,10}/g) ?? []).toEqual([]);
    expect(prose.match(/.{0,20} [:;?!»](?!\S).{0,10}/g) ?? []).toEqual([]);
  });
});

describe("a document", () => {
  it.each(documents)("%s links headings that exist", (document) => {
    const links = [...read(document).matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)];
    const lost = links.filter(([, file = "", anchor]) => {
      const path = file === "" ? document : join(dirname(document), file);
      if (!existsSync(join(root, path))) return true;
      const headings = [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading as string));
      return !headings.includes(anchor as string);
    });
    expect(lost.map(([link]) => link)).toEqual([]);
  });

  it.each(pages.filter((page) => page !== "docs/README.md"))("%s is in the list of all pages", (page) => {
    expect(read("docs/README.md")).toContain(`](${page.replace("docs/", "")})`);
  });
});

describe("the page of settings", () => {
  it("has each setting of VS Code with its default", () => {
    const properties: Record<string, { default: unknown }> = JSON.parse(read("package.json")).contributes.configuration
      .properties;
    const expected = Object.entries(properties).map(([name, property]) => [
      `\`${name.replace("claudeVirtualApi.", "")}\``,
      name.endsWith(".modelMap") ? "two old ids" : `\`${JSON.stringify(property.default)}\``,
    ]);
    const listed = rows(section("docs/settings.md", "VS Code")).map(([name, value]) => [name, value]);
    expect(listed).toEqual(expected);
  });

  it("has each option of the headless server", () => {
    const flags = OPTION_TABLE.flatMap(({ flag }) => (flag ? [`--${flag}`] : []));
    const listed = rows(section("docs/settings.md", "Headless")).flatMap(([name]) => name?.match(/--[a-z-]+/g) ?? []);
    expect(listed).toEqual(flags);
  });

  it.each(OPTION_TABLE.filter((row) => row.argument && /number|string/.test(typeof defaultOf(row))))(
    "has the default of --$flag",
    (row) => {
      const [, value] =
        rows(section("docs/settings.md", "Headless")).find(([name]) => name?.startsWith(`\`--${row.flag} `)) ?? [];
      expect(value).toBe(row.option === "dataDir" ? "`~/.claude-virtual-api`" : String(defaultOf(row)));
    },
  );
});

describe("the page of errors", () => {
  const ERRORS = ["cliErrors", "connectionErrors", "accessErrors", "errors"].map((name) => `src/api/${name}.ts`);
  const quoted = rows(read("docs/troubleshooting.md")).map(([cell = ""]) => cell.replaceAll("`", ""));
  const parts = (message: string) =>
    message
      .split("…")
      .map((part) => part.trim())
      .filter((part) => part !== "");

  it("quotes messages that exist", () => {
    const paths = globSync(["src/**/*.ts", "l10n/bundle.l10n.json"], { cwd: root });
    const sources = paths.map(read).join("\n");
    expect(quoted.length).toBeGreaterThan(60);
    for (const message of quoted) for (const part of parts(message)) expect(sources).toContain(part);
  });

  it.each(ERRORS)("has each message of %s", (path) => {
    // those that only pass a reason on have nothing to quote
    const withoutWords = /^(notServed|invalidRequest)$/;
    const makers = read(path)
      .split(/^export const /m)
      .slice(1)
      .map((source) => ({ name: /^\w+/.exec(source)?.[0] ?? "", source }))
      .filter(
        ({ name, source }) => /ApiError\(|invalidRequest\(|unreachable\(/.test(source) && !withoutWords.test(name),
      );
    expect(makers.length).toBeGreaterThan(4);
    const missing = makers.filter(
      ({ source }) => !quoted.some((one) => parts(one).every((part) => source.includes(part))),
    );
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it("has each error code", () => {
    const codes = ERRORS.flatMap((path) => [...read(path).matchAll(/error_code: "(\w+)"|\| "(cli_\w+)"/g)]);
    for (const [, code, problem] of codes) expect(read("docs/troubleshooting.md")).toContain(`\`${code ?? problem}\``);
  });
});
