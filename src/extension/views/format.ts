import * as vscode from "vscode";
import { oneLine } from "../texts.ts";

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
  // the short form of several bytes is "8 byte"
  const unitDisplay = unit === 0 ? "long" : "short";
  const style = { style: "unit", unit: UNITS[unit] as string, unitDisplay, maximumFractionDigits } as const;
  return new Intl.NumberFormat(vscode.env.language, style).format(value);
}

/**
 * A time in the user's language, such as `2:30 PM` where it is today, else `Nov 22, 2:30 PM`. `iso` is RFC 3339; what is
 * no time stays as it is.
 */
export function formatTime(iso: string, now = new Date()): string {
  const isToday = new Date(iso).toDateString() === now.toDateString();
  return format(iso, { ...(!isToday && { month: "short", day: "numeric" }), hour: "numeric", minute: "2-digit" });
}

/** A time with year and seconds. */
export function formatFullTime(iso: string): string {
  return format(iso, { dateStyle: "medium", timeStyle: "medium" });
}

/** Texts of any content as one Markdown text, each on a line of its own. */
export function markdownLines(texts: readonly string[]): vscode.MarkdownString {
  // `appendText` makes every space one that does not break, so that words break instead
  const escaped = texts.map((text) => oneLine(text).replace(/[!-/:-@[-`{-~]/g, "\\$&"));
  return new vscode.MarkdownString(escaped.join("  \n"));
}

function format(iso: string, style: Intl.DateTimeFormatOptions): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : new Intl.DateTimeFormat(vscode.env.language, style).format(time);
}
