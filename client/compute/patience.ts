/**
 * How long `getOrCompute` waits for Redis before it loads by itself: its callers have another way to an answer, and a Redis that
 * hangs must not cost them what a suspicion takes. One timer for all that wait, and none while nobody does: a timer for each
 * would be a tenth of what a hit costs.
 */
import { now } from '../connection/timing.ts';

const TICK_MS = 15;

interface Waiting {
  readonly until: number;
  readonly giveUp: () => void;
}

export class Patience {
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  /** The work's outcome, or `instead` once `ms` are over and a tick; what comes later goes to `late`. */
  limit<T>(work: Promise<T>, ms: number, instead: () => T, late: (result: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        until: now() + ms,
        giveUp: () => resolve(instead()),
      };
      this.#waiting.add(waiting);
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
      work.then(
        (result) => (this.#waiting.delete(waiting) ? resolve(result) : late(result)),
        (error: unknown) => {
          if (this.#waiting.delete(waiting)) reject(error);
        },
      );
    });
  }

  #tick(): void {
    const at = now();
    // After the poll phase: in a process that was busy, answers that lie in the socket are read first.
    setImmediate(() => {
      for (const waiting of this.#waiting) {
        if (at < waiting.until) continue;
        this.#waiting.delete(waiting);
        waiting.giveUp();
      }
      if (this.#waiting.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }
}
