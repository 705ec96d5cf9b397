import { randomBytes } from "node:crypto";
import { Agent, ClientRequest, type ClientRequestArgs, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CHALLENGE_HEADER, isSameProof, PROOF_HEADER, proofOf } from "../shared/proof.ts";

/** Reads the secret of this VS Code's data directory; undefined if there is none. */
export type ReadSecret = () => Promise<Buffer | undefined>;

/**
 * Why there is no proof: nothing listens, the program is not our server, it is ours with another data directory
 * (`unproven`), or it did not answer in time.
 */
export type ProofFailure = "free" | "foreign" | "unproven" | "timeout";

export class UnprovenServerError extends Error {
  override readonly name = "UnprovenServerError";
  readonly reason: ProofFailure;

  constructor(reason: ProofFailure, options?: ErrorOptions) {
    super(`No proof from the server: ${reason}`, options);
    this.reason = reason;
  }
}

/** A connection to a server that has proved to be ours. */
export interface ProvenConnection {
  /** Sends a request over this connection; it fails if the connection is closed. */
  request(args: ClientRequestArgs): ClientRequest;
  close(): void;
}

/** Opens only one connection, because a second one could reach another server. */
class SingleConnectionAgent extends Agent {
  #isConnected = false;

  constructor() {
    super({ keepAlive: true, maxSockets: 1 });
  }

  override createConnection(
    options: ClientRequestArgs,
    callback: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    if (!this.#isConnected) {
      this.#isConnected = true;
      return super.createConnection(options, callback);
    }
    const error = Object.assign(new Error("The server closed the connection."), { code: "ECONNRESET" });
    process.nextTick(callback, error);
    return undefined;
  }
}

/**
 * Connects to a server and requests its proof. Later requests use the same connection, so no other program can take the
 * server's place. Throws `UnprovenServerError`; `signal` bounds the wait for the proof.
 */
export async function connectProven(base: URL, readSecret: ReadSecret, signal: AbortSignal): Promise<ProvenConnection> {
  const agent = new SingleConnectionAgent();
  const request = (args: ClientRequestArgs) =>
    // not `http.request`: VS Code patches it with its own agent
    new ClientRequest({ host: base.hostname.replace(/^\[|\]$/g, ""), port: base.port || 80, agent, ...args });
  try {
    const challenge = randomBytes(32).toString("base64url");
    const args = { method: "HEAD", path: "/health", headers: { [CHALLENGE_HEADER]: challenge }, signal };
    const answer = await responseTo(request(args).end());
    // a HEAD answer has no body, but its connection may end here
    answer.on("error", () => {}).resume();
    await verify(answer, challenge, readSecret);
    return { request, close: () => agent.destroy() };
  } catch (error) {
    agent.destroy();
    if (error instanceof UnprovenServerError) throw error;
    throw new UnprovenServerError(failureOf(error as NodeJS.ErrnoException, signal), { cause: error });
  }
}

/** Resolves once the answer's headers have arrived. */
export function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    // stays attached: later failures are reported by the answer's stream
    request.on("error", reject);
  });
}

async function verify({ headers, socket }: IncomingMessage, challenge: string, readSecret: ReadSecret): Promise<void> {
  const given = headers[PROOF_HEADER];
  if (typeof given !== "string") throw new UnprovenServerError("foreign");
  const { localAddress, localPort, remoteAddress, remotePort } = socket as Socket;
  const server = { address: remoteAddress, port: remotePort };
  const client = { address: localAddress, port: localPort };
  // read after the answer: the server may have created the secret for it
  const secret = await readSecret();
  if (!secret || !isSameProof(proofOf(secret, challenge, { server, client }), given)) {
    throw new UnprovenServerError("unproven");
  }
}

function failureOf({ code }: NodeJS.ErrnoException, signal: AbortSignal): ProofFailure {
  if (signal.aborted) return "timeout";
  return code === "ECONNREFUSED" ? "free" : "foreign";
}
