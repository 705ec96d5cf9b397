import { IncomingMessage } from "node:http";

/** A request that records whether its key was accepted. Only then may its body take as long as it needs. */
export class ApiRequest extends IncomingMessage {
  isAuthenticated = false;

  /** Whether the body has not arrived completely. */
  get isBodyPending(): boolean {
    const { "transfer-encoding": encoding, "content-length": length } = this.headers;
    return !this.complete && (encoding !== undefined || Number(length ?? 0) > 0);
  }
}
