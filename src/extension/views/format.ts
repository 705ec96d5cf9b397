import * as vscode from "vscode";
import { oneLine } from "../texts.ts";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

const DAY_STYLE = { month: "short", day: "numeric" } as const;
const CLOCK_STYLE = { hour: "numeric", minute: "2-digit" } as const;

/** A size in the user's language, such as `1.2 MB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const maximumFractionDigits = unit === 0 || value >= 10 ? 0 : 1;
  // the short form would be "8 byte", without the plural
  const unitDisplay = unit === 0 ? "long" : "short";
  const style = { style: "unit", unit: UNITS[unit] as string, unitDisplay, maximumFractionDigits } as const;
  return new Intl.NumberFormat(vscode.env.language, style).format(value);
}

/**
 * A time in the user's language: `2:30 PM` today, otherwise `Nov 22, 2:30 PM`. `iso` is RFC 3339; text that is not a time is
 * returned unchanged.
 */
export function formatTime(iso: string, now = new Date()): string {
  return format(iso, { ...(!isToday(iso, now) && DAY_STYLE), ...CLOCK_STYLE });
}

export function formatDay(iso: string): string {
  return format(iso, DAY_STYLE);
}

export function formatClock(iso: string): string {
  return format(iso, CLOCK_STYLE);
}

export function isToday(iso: string, now = new Date()): boolean {
  return new Date(iso).toDateString() === now.toDateString();
}

export function formatFullTime(iso: string): string {
  return format(iso, { dateStyle: "medium", timeStyle: "medium" });
}

/** Joins texts of any content as Markdown, one line each. */
export function markdownLines(texts: readonly string[]): vscode.MarkdownString {
  // not `appendText`: it makes all spaces non-breaking, so lines would break inside words
  const escaped = texts.map((text) => oneLine(text).replace(/[!-/:-@[-`{-~]/g, "\\$&"));
  return new vscode.MarkdownString(escaped.join("  \n"));
}

function format(iso: string, style: Intl.DateTimeFormatOptions): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : new Intl.DateTimeFormat(vscode.env.language, style).format(time);
}
