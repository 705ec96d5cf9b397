import { IncomingMessage } from "node:http";

/** A request that knows whether its key was accepted; only then is its body read, and may take its time. */
export class ApiRequest extends IncomingMessage {
  hasKey = false;

  /** Whether the client has still to send some of its body. */
  get owesBody(): boolean {
    const { "transfer-encoding": encoding, "content-length": length } = this.headers;
    return !this.complete && (encoding !== undefined || Number(length ?? 0) > 0);
  }
}
