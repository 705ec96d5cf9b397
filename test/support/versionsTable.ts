/** How one version of the CLI fared. */
export interface Row {
  version: string;
  /** The day of its publication, as in `2026-11-23`. */
  published: string;
  contract: string;
  fidelity: string;
}

/** What is read of vitest's JSON report. */
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

/** The rows of the table in a page. */
export function rowsIn(page: string): Row[] {
  const rows = divided(page)[1].matchAll(/^\| ([\d.]+) \| (\S+) \| (.+?) \| (.+?) \|$/gm);
  return [...rows].map(
    ([, version, published, contract, fidelity]) => ({ version, published, contract, fidelity }) as Row,
  );
}

/** The page with these rows, which replace those of the same versions, newest first; `where` they were run below. */
export function withRows(page: string, rows: readonly Row[], where: string): string {
  const kept = rowsIn(page).filter(({ version }) => rows.every((row) => row.version !== version));
  const all = [...kept, ...rows].sort((a, b) => compare(b.version, a.version));
  const lines = all.map((row) => `| ${row.version} | ${row.published} | ${row.contract} | ${row.fidelity} |`);
  const [before, , after] = divided(page);
  return `${before}\n${HEAD}\n${lines.join("\n")}\n\n${where}\n${after}`;
}

/** What comes before the table, the table, and what comes after it. */
function divided(page: string): [before: string, table: string, after: string] {
  const begin = page.indexOf(BEGIN) + BEGIN.length;
  const end = page.indexOf(END, begin);
  if (begin < BEGIN.length || end === -1) throw new Error(`The page has no ${BEGIN} … ${END}.`);
  return [page.slice(0, begin), page.slice(begin, end), page.slice(end)];
}

/** A file that did not even load counts as one that failed. */
function outcome(report: Report | undefined, folder: string): string {
  const files = report?.testResults.filter(({ name }) => name.includes(`/test/${folder}/`)) ?? [];
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  const broken = files.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0);
  const failed = count("failed") + broken.length;
  if (tests.length === 0) return "did not run";
  if (failed > 0) return `${failed} of ${count("passed") + failed} failed`;
  // older versions skip what only later ones let us do
  const skipped = count("skipped") + count("pending");
  return `${count("passed")} passed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
