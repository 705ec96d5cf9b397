import { quotaExceeded } from "../api/errors.ts";

const BYTES_PER_GIGABYTE = 1024 ** 3;

export class Quota {
  readonly #limit: number;
  #used = 0;

  /** `limit` in gigabytes; 0 for no limit. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Reserves bytes before they are written. Throws `ApiError` 400 `storage_quota_exceeded`. */
  reserve(bytes: number): void {
    if (this.#limit > 0 && this.#used + bytes > this.#limit * BYTES_PER_GIGABYTE) throw quotaExceeded(this.#limit);
    this.#used += bytes;
  }

  /** Counts bytes that are already stored, even beyond the limit. */
  addExisting(bytes: number): void {
    this.#used += bytes;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }
}
