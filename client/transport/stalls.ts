/**
 * Stalls of this process: a regular tick that comes late says that the event loop stood still, and that no answer could be read
 * and no command sent. Measurements from tick to tick leave that time out, so that it is not counted against the server.
 */
import { now } from './timing.ts';

export class Stalls {
  readonly #tickMs: number;
  #tickedAt = now();

  /** @param tickMs how often `tick` is called when nothing is late */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** How long the process stood still before this tick, in ms. A late tick counts as two, so that a busy process judges, too. */
  tick(at: number): number {
    const lateMs = at - this.#tickedAt - 2 * this.#tickMs;
    this.#tickedAt = at;
    return Math.max(0, lateMs);
  }
}
