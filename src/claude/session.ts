import type { ApiError } from "../api/errors.ts";
import type { CliMessage } from "./protocol/codec.ts";
import type { ControlRequest } from "./protocol/controlChannel.ts";
import type { Transport } from "./transport/transport.ts";

/** What a worker is doing: a turn or counts. Receives the process's output until it ends. */
export interface Session {
  /** Digest of the request or count that is being processed, to detect a loop. */
  readonly contentDigest?: string | undefined;
  /** Receives a message from stdout. Returns a promise if the next one has to wait. */
  accept(message: CliMessage): Promise<void> | void;
  onStderrLine(line: string): void;
  /** Call when output was lost: the CLI may have made a call. */
  presumeSent?(): void;
  /** Call when the process has ended. */
  fail(error: ApiError): void;
  /**
   * Resolves when the CLI is ready for the next session, with the reason if the worker must not serve again. Absent if
   * the session keeps its worker for good.
   */
  settle?(): Promise<string | undefined>;
}

/** The part of a worker that a session uses. */
export interface SessionLink {
  readonly transport: Transport;
  readonly alive: boolean;
  /** Requests that this process has got. */
  served: number;
  /** Rejects with `ApiError` if the CLI rejects the request, ends, or does not reply in time. */
  request(request: ControlRequest, seconds?: number): Promise<CliMessage>;
  write(message: CliMessage): void;
  /** Call before anything that keeps the CLI busy. `respondsAtOnce`: it writes something without a ping. */
  expectOutput(respondsAtOnce?: boolean): void;
  /** Call when the CLI may be silent again. */
  allowSilence(): void;
  /** Kills the process; its session fails with this reason. */
  end(reason: ApiError): void;
}
