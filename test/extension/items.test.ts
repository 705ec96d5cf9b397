import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/client.ts";
import { ItemKind } from "../../src/extension/contributions.ts";
import type { RunningBatch } from "../../src/extension/probe.ts";
import { describeRunning, presentBatch, toBatchItem } from "../../src/extension/views/batchItem.ts";
import { describeFile, toFileItem } from "../../src/extension/views/fileItem.ts";
import { formatSize, formatTime, markdownLines } from "../../src/extension/views/format.ts";
import { aBatch, aFile } from "../support/resources.ts";

const running = (more: Partial<RunningBatch> = {}): RunningBatch => ({
  id: "msgbatch_1",
  total: 200,
  done: 37,
  paused: null,
  ...more,
});
const ended = (counts: Partial<Batch["request_counts"]>, more: Partial<Batch> = {}) =>
  aBatch({ processing_status: "ended", ended_at: "2026-11-22T13:00:00Z", ...more }, counts);
const soon = new Date(Date.now() + 60_000).toISOString();
const paused = { until: soon, reason: "Rate limited" };

/** The tooltip as shown: without Markdown escapes and line breaks. */
const read = (tooltip: unknown) =>
  (tooltip as { value: string }).value.replace(/\\(.)/g, "$1").replaceAll("  \n", "\n");

describe("a batch in the view", () => {
  it.each<[string, Batch, RunningBatch | undefined, string, string, string]>([
    [
      "runs, as the API reports it",
      aBatch({}, { processing: 5 }),
      undefined,
      "in progress · 5 requests",
      "sync~spin",
      ItemKind.runningBatch,
    ],
    ["progresses", aBatch(), running(), "37 of 200", "sync~spin", ItemKind.runningBatch],
    [
      "is paused",
      aBatch(),
      running({ paused }),
      `37 of 200 · paused until ${formatTime(soon)}: Rate limited`,
      "debug-pause",
      ItemKind.runningBatch,
    ],
    [
      "is being canceled",
      aBatch({ processing_status: "canceling" }),
      running(),
      "canceling",
      "sync~spin",
      ItemKind.cancelingBatch,
    ],
    ["succeeded", ended({ succeeded: 200 }), undefined, "200 succeeded", "pass", ItemKind.endedBatch],
    [
      "succeeded in part",
      ended({ succeeded: 198, errored: 2 }),
      undefined,
      "198 succeeded, 2 errored",
      "warning",
      ItemKind.endedBatch,
    ],
    ["failed", ended({ errored: 1, expired: 3 }), undefined, "1 errored, 3 expired", "error", ItemKind.endedBatch],
    [
      "was canceled",
      ended({ succeeded: 1, canceled: 3 }),
      undefined,
      "1 succeeded, 3 canceled",
      "circle-slash",
      ItemKind.endedBatch,
    ],
    [
      "is archived",
      ended({ succeeded: 2 }, { archived_at: "2026-12-21T12:00:00Z" }),
      undefined,
      "2 succeeded · results archived",
      "archive",
      ItemKind.archivedBatch,
    ],
  ])("%s", (_what, batch, progress, text, icon, kind) => {
    expect(presentBatch(batch, progress)).toMatchObject({ progress: text, icon, kind });
  });

  it("shows its id and times in the tooltip, and names all of it to a screen reader", () => {
    const batch = ended({ succeeded: 2 });
    const item = toBatchItem(batch, undefined);
    const tooltip = read(item.tooltip);
    expect(tooltip.split("\n").slice(0, 2)).toEqual(["2 succeeded", batch.id]);
    expect(tooltip).toMatch(/Created: Nov 22, 2026.*Ended: Nov 22, 2026/s);
    expect(tooltip).not.toContain("Expires");
    expect(item.accessibilityInformation?.label).toBe(
      `Batch, ${formatTime(batch.created_at)}, 2 succeeded, ${batch.id}`,
    );
    expect(item.id).toBe(batch.id);
  });

  it("opens its results on click once it has ended", () => {
    const batch = ended({ succeeded: 2 });
    expect(toBatchItem(batch, undefined).command).toMatchObject({ arguments: [{ entry: batch }] });
    expect(toBatchItem(aBatch(), running()).command).toBeUndefined();
    expect(toBatchItem(ended({}, { archived_at: "2026-12-21T12:00:00Z" }), undefined).command).toBeUndefined();
  });
});

it.each([
  [[], ""],
  [[running()], "1 batch: 37 of 200"],
  [[running(), running({ done: 3, total: 50 })], "2 batches: 40 of 250"],
])("the status bar says of %j: %s", (batches, text) => {
  expect(describeRunning(batches)).toBe(text);
});

describe("a file in the view", () => {
  it("has its name, size and age", () => {
    const file = aFile({ filename: "notes.md", mime_type: "text/markdown", expires_at: "2026-12-01T00:00:00Z" });
    const item = toFileItem(file);
    expect(item.label).toBe("notes.md");
    expect(item.description).toBe(`1.2 MB · ${formatTime(file.created_at)}`);
    expect(item.description).toBe(describeFile(file));
    expect(item.resourceUri?.path).toBe("/notes.md");
    const tooltip = read(item.tooltip);
    for (const part of [file.id, "text/markdown", "Created: Nov 22, 2026", "Expires: "])
      expect(tooltip).toContain(part);
    expect(item.accessibilityInformation?.label).toContain(file.id);
  });

  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1 kB"],
    [1_234_567, "1.2 MB"],
    [12_345_678, "12 MB"],
    [999_999, "1 MB"],
    [5_000_000_000, "5 GB"],
    [5_000_000_000_000, "5,000 GB"],
  ])("of %d bytes is %s", (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

it("a tooltip escapes text, on lines that break between words", () => {
  const { value } = markdownLines(["a_b *c* [d](e:f) <g> & `h`", "i\n# j"]);
  expect(value.split("  \n")).toEqual([String.raw`a\_b \*c\* \[d\]\(e\:f\) \<g\> \& \`h\``, String.raw`i \# j`]);
});

describe("a time", () => {
  const now = new Date(2026, 10, 22, 9, 0);

  it("is a time of day today, and has its date otherwise", () => {
    expect(formatTime(new Date(2026, 10, 22, 14, 30).toISOString(), now)).toMatch(/^2:30\sPM$/);
    expect(formatTime(new Date(2026, 10, 23, 14, 30).toISOString(), now)).toMatch(/^Nov 23, 2:30\sPM$/);
  });

  it("stays unchanged if it is not a time", () => {
    expect(formatTime("some day")).toBe("some day");
  });
});
