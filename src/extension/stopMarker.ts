import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ControllerParts } from "./controller.ts";

/** An empty file that marks, for all windows, that the user has stopped the server. */
export function stopMarker(path: string): ControllerParts["stopMarker"] {
  return {
    async set() {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, "");
    },
    clear: () => rm(path, { force: true }),
    isSet: () =>
      access(path).then(
        () => true,
        () => false,
      ),
  };
}
