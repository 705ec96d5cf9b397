/** Header in which the CLI sends its session id with every call. */
export const SESSION_HEADER = "x-claude-code-session-id";

/** Where a request to this server comes from. */
export interface Origin {
  session: string;
  /** `metadata.user_id`; has the CLI's session id unless the client set its own. */
  userId?: string | undefined;
  /** Digest of the request's messages; for a count, of everything counted. */
  contentDigest?: string | undefined;
  /** Whether another Claude Virtual API may have forwarded it; by default inferred from session and user id. */
  mayBeForwarded?: boolean;
}

/** User agent of a worker, and of anyone who runs Claude Code without a terminal or its SDK. */
const WORKER_AGENT = /^claude-cli\/.*\bsdk-cli\b/;

/**
 * A count has no session id, and several Claude Code windows may count the same text, so the user agent shows whether a
 * server forwarded it.
 */
export function originOfCount(userAgent: string, contentDigest: string | undefined): Omit<Origin, "session"> {
  return { contentDigest, mayBeForwarded: WORKER_AGENT.test(userAgent) };
}

export interface LoopCandidate {
  readonly sessionId: string | undefined;
  /** Digest of the current request or count; undefined while idle. */
  readonly contentDigest: string | undefined;
}

/**
 * Whether one of these workers sent the request, which would loop. The request has the worker's session in its header,
 * or in its metadata if another Claude Virtual API lies between. With a client's own metadata, the signs are a session
 * it does not contain and messages that a worker is processing.
 */
export function isLoop(workers: Iterable<LoopCandidate>, origin: Origin): boolean {
  const { session, userId = "", contentDigest, mayBeForwarded = session !== "" && !userId.includes(session) } = origin;
  for (const worker of workers) {
    const { sessionId } = worker;
    if (sessionId !== undefined && (session === sessionId || userId.includes(sessionId))) return true;
    if (mayBeForwarded && contentDigest !== undefined && worker.contentDigest === contentDigest) return true;
  }
  return false;
}
