import { quotaExceeded } from "../api/errors.ts";

const GIGABYTE_BYTES = 1024 ** 3;

/** Bounds how many bytes clients may store in all. */
export class Quota {
  readonly #limit: number;
  #used = 0;

  /** `limit` in gigabytes; 0 for as much as the disk holds. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts bytes before they are written. Throws `ApiError` 400 `storage_quota_exceeded`. */
  reserve(bytes: number): void {
    if (this.#limit > 0 && this.#used + bytes > this.#limit * GIGABYTE_BYTES) throw quotaExceeded(this.#limit);
    this.#used += bytes;
  }

  /** Counts bytes that are stored already, whatever the limit is now. */
  addExisting(bytes: number): void {
    this.#used += bytes;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }
}
