import { IncomingMessage } from "node:http";

/** A request that knows whether its key was accepted. Only then is its body read, for as long as it takes. */
export class ApiRequest extends IncomingMessage {
  isAuthenticated = false;

  /** Whether some of the body has not arrived yet. */
  get isBodyPending(): boolean {
    const { "transfer-encoding": encoding, "content-length": length } = this.headers;
    return !this.complete && (encoding !== undefined || Number(length ?? 0) > 0);
  }
}
