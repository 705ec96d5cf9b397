/** What the window knows of the server it uses. */
export type State =
  | { kind: "stopped" }
  | { kind: "starting" }
  /** This window's own server; `requests` are being answered. */
  | { kind: "running"; url: string; requests: number }
  /** Another window's server on the configured port. */
  | { kind: "shared"; url: string; requests: number }
  /** `isUnproven` where the port is taken by a server that says it is ours and has not the secret of our data directory. */
  | { kind: "failed"; message: string; portTaken?: number; isUnproven?: boolean };

/** The base URL to call in a state; undefined while there is no server. */
export function urlOf(state: State): string | undefined {
  return "url" in state ? state.url : undefined;
}
