import type { Caller } from "../caller.ts";
import type { Controller } from "../controller.ts";

/** What the views stand on. */
export interface ViewParts {
  controller: Controller;
  caller: Pick<Caller, "clientIfUp">;
  /** Where the servers of this VS Code keep batches and files. */
  dataDir: string;
}
