/** The results of one version of the CLI. */
export interface Row {
  version: string;
  /** The day of its release, as in `2026-11-23`. */
  published: string;
  contract: string;
  fidelity: string;
}

/** The part of vitest's JSON report in use. */
export interface Report {
  testResults: { name: string; status: string; assertionResults: { status: string }[] }[];
}

const BEGIN = "<!-- versions -->";
const END = "<!-- /versions -->";
const HEAD = "| Claude Code | published | contract tests | fidelity tests |\n| --- | --- | --- | --- |";

export function rowOf(version: string, published: string, report: Report | undefined): Row {
  return { version, published, contract: outcome(report, "contract"), fidelity: outcome(report, "fidelity") };
}

export function hasPassed({ contract, fidelity }: Row): boolean {
  return [contract, fidelity].every((text) => /^\d+ passed(, \d+ skipped)?$/.test(text));
}

/** The rows of a page's table. */
export function rowsIn(page: string): Row[] {
  const rows = divided(page)[1].matchAll(/^\| ([\d.]+) \| (\S+) \| (.+?) \| (.+?) \|$/gm);
  return [...rows].map(
    ([, version, published, contract, fidelity]) => ({ version, published, contract, fidelity }) as Row,
  );
}

/** Replaces the page's rows of the same versions, newest first. `where` names the machine, below the table. */
export function withRows(page: string, rows: readonly Row[], where: string): string {
  const kept = rowsIn(page).filter(({ version }) => rows.every((row) => row.version !== version));
  const all = [...kept, ...rows].sort((a, b) => compare(b.version, a.version));
  const lines = all.map((row) => `| ${row.version} | ${row.published} | ${row.contract} | ${row.fidelity} |`);
  const [before, , after] = divided(page);
  return `${before}\n${HEAD}\n${lines.join("\n")}\n\n${where}\n${after}`;
}

/** The text before the table, the table, and the text after it. */
function divided(page: string): [before: string, table: string, after: string] {
  const begin = page.indexOf(BEGIN) + BEGIN.length;
  const end = page.indexOf(END, begin);
  if (begin < BEGIN.length || end === -1) throw new Error(`The page has no ${BEGIN} … ${END}.`);
  return [page.slice(0, begin), page.slice(begin, end), page.slice(end)];
}

/** A file that did not load counts as failed. */
function outcome(report: Report | undefined, folder: string): string {
  const files = report?.testResults.filter(({ name }) => name.includes(`/test/${folder}/`)) ?? [];
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  const broken = files.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0);
  const failed = count("failed") + broken.length;
  if (tests.length === 0) return "did not run";
  if (failed > 0) return `${failed} of ${count("passed") + failed} failed`;
  // older versions skip tests of later features
  const skipped = count("skipped") + count("pending");
  return `${count("passed")} passed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
