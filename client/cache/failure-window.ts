/**
 * Number of time slices in the window over which the failure ratio of recent calls is computed. A high ratio opens the
 * breaker even if some calls succeed. A call is counted in the slice in which it ended; a slice expires as a whole.
 */
const SLICES = 10;

interface Slice {
  readonly number: number;
  calls: number;
  failures: number;
}

export interface FailureWindowOptions {
  /** Ratio of failed calls at which the breaker opens, above 0 and up to 1. */
  readonly failureRatio: number;
  /** Minimum number of calls in the window. */
  readonly minCalls: number;
  /** Length of the window in ms. */
  readonly windowMs: number;
}

export class FailureWindow {
  readonly #options: FailureWindowOptions;
  readonly #now: () => number;
  #slices: Slice[] = [];

  constructor(options: FailureWindowOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
  }

  /** Counts a call. Returns true if the failure ratio has now reached the limit. */
  count(failed: boolean): boolean {
    const { failureRatio, minCalls, windowMs } = this.#options;
    const number = Math.floor((this.#now() / windowMs) * SLICES);
    if (this.#slices[0] !== undefined && this.#slices[0].number <= number - SLICES)
      this.#slices = this.#slices.filter((slice) => slice.number > number - SLICES);
    let last = this.#slices.at(-1);
    if (last?.number !== number) {
      last = { number, calls: 0, failures: 0 };
      this.#slices.push(last);
    }
    last.calls += 1;
    if (!failed) return false;
    last.failures += 1;
    let [calls, failures] = [0, 0];
    for (const slice of this.#slices) {
      calls += slice.calls;
      failures += slice.failures;
    }
    return calls >= minCalls && failures >= calls * failureRatio;
  }

  clear(): void {
    this.#slices = [];
  }
}
