/** Runs one step at a time, in the order of the calls. A step that fails does not stop the next one. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step);
    // the caller handles the failure
    this.#last = result.catch(() => {});
    return result;
  }
}
