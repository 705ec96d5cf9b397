/** Header in which the CLI names its session with every call, to us as to Anthropic. */
export const SESSION_HEADER = "x-claude-code-session-id";

/** What shows where a request to us comes from. */
export interface Origin {
  /** The value of `SESSION_HEADER`; empty without one. */
  session: string;
  /** `metadata.user_id`, in which the CLI names its session as well, unless its client gave another. */
  userId?: string | undefined;
  /** A digest of the request's messages. */
  conversation?: string | undefined;
}

/** What is known of a worker. */
export interface Traced {
  readonly sessionId: string | undefined;
  /** The digest of the messages that it was given, while it has a request. */
  readonly conversation: string | undefined;
}

/**
 * Whether a request has come back to us from one of these workers, so that answering it would never end. It has the
 * worker's session in its header, or in its metadata if another server of this kind lies between. Where a client gave
 * metadata, such a server shows by a session that these do not name, and the request by messages that a worker has now.
 */
export function isNested(workers: Iterable<Traced>, { session, userId = "", conversation }: Origin): boolean {
  const isPassedOn = session !== "" && !userId.includes(session);
  for (const worker of workers) {
    const { sessionId } = worker;
    if (sessionId !== undefined && (session === sessionId || userId.includes(sessionId))) return true;
    if (isPassedOn && conversation !== undefined && worker.conversation === conversation) return true;
  }
  return false;
}
