/**
 * Detects stalls of this process. A late tick shows that the event loop was blocked, so no reply was read and no
 * command sent. This time is not counted against the server.
 */
import { now } from './timing.ts';

export class Stalls {
  readonly #tickMs: number;
  #tickedAt = now();

  /** @param tickMs regular interval between calls of `tick`, in ms */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /**
   * Returns the duration of the stall before this tick, in ms. A late tick counts as two, so that a busy process still
   * detects hangs.
   */
  tick(at: number): number {
    const lateMs = at - this.#tickedAt - 2 * this.#tickMs;
    this.#tickedAt = at;
    return Math.max(0, lateMs);
  }
}
