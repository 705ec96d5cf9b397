import * as vscode from "vscode";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** A size in the user's language, such as `1.2 MB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const maximumFractionDigits = unit === 0 || value >= 10 ? 0 : 1;
  const style = { style: "unit", unit: UNITS[unit] as string, unitDisplay: "short", maximumFractionDigits } as const;
  return new Intl.NumberFormat(vscode.env.language, style).format(value);
}

/** A time in the user's language, such as `Nov 22, 2:30 PM`. `iso` is RFC 3339; what is no time stays as it is. */
export function formatTime(iso: string): string {
  return format(iso, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
}

/** The same with year and seconds. */
export function formatFullTime(iso: string): string {
  return format(iso, { dateStyle: "medium", timeStyle: "medium" });
}

/** The time of day alone where it is today. */
export function formatSoon(iso: string, now = new Date()): string {
  const isToday = new Date(iso).toDateString() === now.toDateString();
  return isToday ? format(iso, { hour: "numeric", minute: "2-digit" }) : formatTime(iso);
}

/** Texts of any content as one Markdown text, each a paragraph of its own. */
export function paragraphs(texts: readonly string[]): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString();
  for (const text of texts) markdown.appendText(text).appendMarkdown("\n\n");
  return markdown;
}

function format(iso: string, style: Intl.DateTimeFormatOptions): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : new Intl.DateTimeFormat(vscode.env.language, style).format(time);
}
