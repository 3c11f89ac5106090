/** Limits how many operations run at the same time; the others wait and run in the order in which they arrived. */
export class ConcurrencyLimit {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param most maximum number of operations at the same time, at least 1 */
  constructor(most: number) {
    this.#most = most;
  }

  /** Runs the operation as soon as fewer than the maximum are running. @throws the error of the operation */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#running < this.#most) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await operation();
    } finally {
      // The next operation takes over the place of this one.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
