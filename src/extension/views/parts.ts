import type { Controller } from "../controller.ts";
import type { ServerClient } from "../serverClient.ts";

/** What the views stand on. */
export interface ViewParts {
  controller: Controller;
  serverClient: Pick<ServerClient, "clientIfUp">;
  /** Where the servers of this VS Code keep batches and files. */
  dataDir: string;
}
