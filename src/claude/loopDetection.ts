/** Header in which the CLI names its session with every call, to us as to Anthropic. */
export const SESSION_HEADER = "x-claude-code-session-id";

/** What shows where a request to us comes from. */
export interface Origin {
  /** The value of `SESSION_HEADER`; empty without one. */
  session: string;
  /** `metadata.user_id`, in which the CLI names its session as well, unless its client gave another. */
  userId?: string | undefined;
  /** A digest of the request's messages; of a count, of all that is counted. */
  conversation?: string | undefined;
  /** Whether another server of this kind may have passed the request on; by default, its session and user id show it. */
  isPassedOn?: boolean;
}

/** The header `user-agent` of a worker, as of all who run Claude Code without a terminal or its SDK. */
const WORKER_AGENT = /^claude-cli\/.*\bsdk-cli\b/;

/**
 * Where a count comes from. It has no metadata to name a session, and Claude Code's windows may count the same at the same
 * time, so that the program that sends it has to show whether a server passed it on.
 */
export function originOfCount(userAgent: string, conversation: string | undefined): Omit<Origin, "session"> {
  return { conversation, isPassedOn: WORKER_AGENT.test(userAgent) };
}

/** What is known of a worker. */
export interface LoopCandidate {
  readonly sessionId: string | undefined;
  /** The digest of what it was given, while it has a request or counts. */
  readonly conversation: string | undefined;
}

/**
 * Whether a request has come back to us from one of these workers, so that answering it would never end. It has the
 * worker's session in its header, or in its metadata if another server of this kind lies between. Where a client gave
 * metadata, such a server shows by a session that these do not name, and the request by messages that a worker has now.
 */
export function isLoop(workers: Iterable<LoopCandidate>, origin: Origin): boolean {
  const { session, userId = "", conversation, isPassedOn = session !== "" && !userId.includes(session) } = origin;
  for (const worker of workers) {
    const { sessionId } = worker;
    if (sessionId !== undefined && (session === sessionId || userId.includes(sessionId))) return true;
    if (isPassedOn && conversation !== undefined && worker.conversation === conversation) return true;
  }
  return false;
}
