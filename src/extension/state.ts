import type { MessageDescriptor } from "../api/messageDescriptors.ts";

/** The state of the server that this window uses. */
export type State =
  | { kind: "stopped" }
  | { kind: "starting" }
  /** This window's own server, with the number of requests it is answering. */
  | { kind: "running"; url: string; requests: number }
  | { kind: "shared"; url: string; requests: number }
  | Failed;

interface Failed {
  kind: "failed";
  /** In English. */
  message: string;
  /** The message for user interfaces in other languages. */
  descriptor?: MessageDescriptor;
  /** The configured port, if another program listens on it. */
  portTaken?: number;
  /** True if that program claims to be our server but does not have the secret of our data directory. */
  isUnproven?: boolean;
}

export function urlOf(state: State): string | undefined {
  return "url" in state ? state.url : undefined;
}
