import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { releaseOf } from "../../scripts/release.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const readJson = (path: string) => JSON.parse(read(path));
const manifest = readJson("package.json");
const scripts = Object.keys(manifest.scripts);
const workflows = globSync(".github/workflows/*.yml", { cwd: root });

describe("the repository's address", () => {
  const path = new URL(manifest.repository.url.replace(/^git\+/, "")).pathname.slice(1).replace(/\.git$/, "");

  it("is in package.json alone", () => {
    const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
    const files = String(listed)
      .split("\0")
      .filter((file) => existsSync(join(root, file)) && statSync(join(root, file)).isFile());
    expect(files).toContain(".github/workflows/ci.yml");
    expect(files.filter((file) => read(file).includes(path))).toEqual(["package.json"]);
  });

  it("has the owner that reviews changes", () => {
    expect(read(".github/CODEOWNERS")).toContain(`* @${path.split("/")[0]}\n`);
  });

  it("is that of each link", () => {
    for (const link of [manifest.homepage, manifest.bugs.url, manifest.qna]) {
      expect(link).toMatch(new RegExp(`^https://github\\.com/${path}[#/]`));
    }
  });
});

describe("the documents", () => {
  const documents = globSync(["*.md", "{docs,examples,.github}/**/*.md"], { cwd: root });

  it.each(documents)("%s links files that exist", (document) => {
    const links = [...read(document).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => link as string);
    // a link to a page of the repository on GitHub leaves its folder, and needs no address
    const local = links.filter((link) => !/^(https?:|\.\.\/\.\.\/(security|issues|discussions))/.test(link));
    expect(local.filter((link) => !existsSync(join(root, dirname(document), link)))).toEqual([]);
  });
});

describe("the version", () => {
  it("is the same in the lock file", () => {
    const lock = readJson("package-lock.json");
    expect([lock.version, lock.packages[""].version]).toEqual([manifest.version, manifest.version]);
  });

  it("is the newest in the changelog, below what is unreleased", () => {
    const sections = read("CHANGELOG.md").match(/^## .*$/gm);
    expect(sections?.[0]).toBe("## [Unreleased]");
    expect(sections?.[1]).toMatch(
      new RegExp(`^## \\[${manifest.version.replaceAll(".", "\\.")}\\] - \\d{4}-\\d\\d-\\d\\d$`),
    );
  });
});

describe("a release tag", () => {
  const sources = (version: string) => ({ version, changelog: `# Changelog\n\n## [${version}] - 2026-11-26\n` });

  it("publishes a version with an even minor to the stable channels", () => {
    expect(releaseOf("v0.2.0", sources("0.2.0"))).toEqual({ npmTag: "latest", vsceFlags: "" });
  });

  it("publishes one with an odd minor and -pre to the pre-release channels", () => {
    expect(releaseOf("v0.3.1-pre", sources("0.3.1"))).toEqual({ npmTag: "next", vsceFlags: "--pre-release" });
  });

  it.each([
    ["main", "0.2.0", "not a release tag"],
    ["v0.2.0-beta", "0.2.0", "not a release tag"],
    ["v0.2.1", "0.2.0", "does not match version 0.2.0"],
    ["v0.2.0-pre", "0.2.0", "odd minor"],
    ["v0.3.0", "0.3.0", "odd minor"],
  ])("%s is refused for version %s", (tag, version, message) => {
    expect(() => releaseOf(tag, sources(version))).toThrow(message);
  });

  it("is refused without a dated section in the changelog", () => {
    const changelog = "## [Unreleased]\n\n## [0.2.0]\n";
    expect(() => releaseOf("v0.2.0", { version: "0.2.0", changelog })).toThrow("CHANGELOG.md");
  });
});

describe("the packages", () => {
  const bundles = (path: string) => read(path).match(/(?<=^!)dist\/.+$/gm) ?? [];

  it("of npm and VS Code hold the same bundles but for the extension", () => {
    expect([...bundles(".npmignore"), "dist/extension.js"].toSorted()).toEqual(bundles(".vscodeignore").toSorted());
  });
});

describe("the workflows", () => {
  it.each(workflows)("%s runs scripts of package.json alone", (path) => {
    const commands = [...read(path).matchAll(/^ *(?:- )?run: (.+)$/gm)].map(([, command]) => command as string);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) {
      if (/^npm ci( --ignore-scripts)?$/.test(command)) continue;
      const script = /^(?:xvfb-run --auto-servernum )?npm (?:run (?:--silent )?)?([\w:-]+)( |$)/.exec(command)?.[1];
      expect(scripts, command).toContain(script);
    }
  });

  it.each(workflows)("%s has least rights and pinned actions", (path) => {
    const text = read(path);
    expect(text).toContain("\npermissions:\n  contents: read\n");
    expect(text).not.toMatch(/: write-all|contents: write|secrets\./);
    for (const [, action] of text.matchAll(/uses: (.+)$/gm))
      expect(action).toMatch(/^\.\/|@(v\d+|[0-9a-f]{40}( #.*)?)$/);
    const checkouts = text.match(/uses: actions\/checkout@/g);
    expect(text.match(/persist-credentials: false/g)).toEqual(checkouts?.map(() => "persist-credentials: false"));
  });
});

describe("the editor's tasks", () => {
  const { tasks } = readJson(".vscode/tasks.json") as {
    tasks: { label: string; script?: string; dependsOn?: string[] }[];
  };
  const labels = tasks.map(({ label }) => label);

  it("run scripts of package.json", () => {
    for (const { script, dependsOn } of tasks) {
      if (script) expect(scripts).toContain(script);
      expect(labels).toEqual(expect.arrayContaining(dependsOn ?? []));
    }
  });

  it("are those that a launch waits for", () => {
    const { configurations } = readJson(".vscode/launch.json");
    for (const { preLaunchTask } of configurations) expect(labels).toContain(preLaunchTask);
  });
});
