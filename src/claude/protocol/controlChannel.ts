import { cliRefused, cliSilent } from "../../api/cliErrors.ts";
import type { ApiError } from "../../api/errors.ts";
import { NO_REASON } from "../../api/messageDescriptors.ts";
import type { CliMessage } from "./codec.ts";

export interface ControlRequest {
  subtype: string;
  [field: string]: unknown;
}

interface Pending {
  subtype: string;
  resolve(response: CliMessage): void;
  reject(error: ApiError): void;
}

/** Sends control requests and matches the replies by id. */
export class ControlChannel {
  readonly #write: (message: CliMessage) => void;
  readonly #pending = new Map<string, Pending>();
  #count = 0;
  #ended: ApiError | undefined;

  constructor(write: (message: CliMessage) => void) {
    this.#write = write;
  }

  /** Rejects with `ApiError` if the CLI rejects the request, ends, or does not reply in time. */
  request(request: ControlRequest, seconds: number): Promise<CliMessage> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#count += 1;
    const request_id = `cva-${this.#count}`;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#pending.delete(request_id);
        reject(cliSilent(request.subtype, seconds));
      }, seconds * 1000);
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          clearTimeout(late);
          how(value);
        };
      this.#pending.set(request_id, { subtype: request.subtype, resolve: settle(resolve), reject: settle(reject) });
      this.#write({ type: "control_request", request_id, request });
    });
  }

  /** Settles the request with this id; false if there is none. */
  answer(response: CliMessage | undefined): boolean {
    const id = String(response?.request_id);
    const pending = this.#pending.get(id);
    if (!response || !pending) return false;
    this.#pending.delete(id);
    if (response.subtype === "success") pending.resolve(response);
    else pending.reject(cliRefused(pending.subtype, String(response.error ?? NO_REASON)));
    return true;
  }

  /** Rejects all pending and all later requests. */
  fail(error: ApiError): void {
    this.#ended = error;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}
