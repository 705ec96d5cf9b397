import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Path of a Chromium on this machine, or `undefined`. */
export function chromiumPath(): string | undefined {
  const named = process.env.CHROMIUM;
  if (named) return existsSync(named) ? named : undefined;
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(delimiter)];
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Why no real VS Code can run here; `undefined` if one can. */
export function missing(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return "they need Linux on x64";
  if (!chromiumPath()) return "no Chromium is here (apt install chromium, or name one in CHROMIUM)";
  return undefined;
}
