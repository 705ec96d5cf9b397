import type { Controller } from "../controller.ts";
import type { ServerClient } from "../serverClient.ts";

export interface ViewParts {
  controller: Controller;
  serverClient: Pick<ServerClient, "clientIfUp">;
  /** Data directory of this VS Code's servers. */
  dataDir: string;
}
