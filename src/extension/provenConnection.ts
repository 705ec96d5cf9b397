import { randomBytes } from "node:crypto";
import { Agent, ClientRequest, type ClientRequestArgs, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CHALLENGE_HEADER, isSameProof, PROOF_HEADER, proofOf } from "../shared/proof.ts";

/** Reads the secret of this VS Code's data directory; undefined where there is none. */
export type ReadSecret = () => Promise<Buffer | undefined>;

/**
 * Why a connection was given up before anything but the challenge was sent: nothing listens there, a program that is no
 * server of ours, one of ours with another data directory, or no answer in time.
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

/** A connection whose other end has proved that it is a server of this VS Code. */
export interface ProvenConnection {
  /** Sends a request over this connection; it fails where the connection is closed by then. */
  request(args: ClientRequestArgs): ClientRequest;
  close(): void;
}

/** Allows one connection, because a second one could end at another server. */
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
 * Connects to a server and asks it for its proof before anything else; what follows goes over the same connection, so no
 * other program can take its place meanwhile. Throws `UnprovenServerError`; `signal` bounds the wait.
 */
export async function connectProven(base: URL, readSecret: ReadSecret, signal: AbortSignal): Promise<ProvenConnection> {
  const agent = new SingleConnectionAgent();
  const request = (args: ClientRequestArgs) =>
    // not `http.request`, which VS Code replaces by one that has its own agent
    new ClientRequest({ host: base.hostname.replace(/^\[|\]$/g, ""), port: base.port || 80, agent, ...args });
  try {
    const challenge = randomBytes(32).toString("base64url");
    const args = { method: "HEAD", path: "/health", headers: { [CHALLENGE_HEADER]: challenge }, signal };
    const answer = await responseTo(request(args).end());
    // it has no body that could be cut off, but its connection may end here
    answer.on("error", () => {}).resume();
    await verify(answer, challenge, readSecret);
    return { request, close: () => agent.destroy() };
  } catch (error) {
    agent.destroy();
    if (error instanceof UnprovenServerError) throw error;
    throw new UnprovenServerError(failureOf(error as NodeJS.ErrnoException, signal), { cause: error });
  }
}

/** Resolves with the head of the answer. */
export function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    // stays, since what fails later is reported by the answer's stream
    request.on("error", reject);
  });
}

async function verify({ headers, socket }: IncomingMessage, challenge: string, readSecret: ReadSecret): Promise<void> {
  const given = headers[PROOF_HEADER];
  if (typeof given !== "string") throw new UnprovenServerError("foreign");
  const { localAddress, localPort, remoteAddress, remotePort } = socket as Socket;
  const server = { address: remoteAddress, port: remotePort };
  const client = { address: localAddress, port: localPort };
  // read after the answer, for which the server may have had to create it
  const secret = await readSecret();
  if (!secret || !isSameProof(proofOf(secret, challenge, { server, client }), given)) {
    throw new UnprovenServerError("unproven");
  }
}

function failureOf({ code }: NodeJS.ErrnoException, signal: AbortSignal): ProofFailure {
  if (signal.aborted) return "timeout";
  return code === "ECONNREFUSED" ? "free" : "foreign";
}
