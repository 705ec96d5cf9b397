import { IncomingMessage } from "node:http";

/** Only an authenticated request may take as long as it needs for its body. */
export class ApiRequest extends IncomingMessage {
  isAuthenticated = false;

  /** Whether the body is incomplete. */
  get isBodyPending(): boolean {
    const { "transfer-encoding": encoding, "content-length": length } = this.headers;
    return !this.complete && (encoding !== undefined || Number(length ?? 0) > 0);
  }
}
