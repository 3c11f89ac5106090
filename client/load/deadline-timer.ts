/**
 * Limits how long `getOrCompute` waits for Redis before it loads without Redis. Its callers have an alternative, and a
 * hung Redis must not delay them until hang detection reacts. All waits share one timer, because one timer per wait
 * would take a tenth of the time of a hit. The timer runs only while there are waits.
 *
 * Time is counted in ticks, and a late tick counts as only two: if this process was stalled, or the machine is
 * overloaded, missing replies do not indicate a problem with Redis. The timer fires after the replies in the socket
 * have been read.
 */
import { now } from '../transport/timing.ts';

const TICK_MS = 10;
/** Maximum time that is counted for one tick. */
const TICK_MAX_MS = 2 * TICK_MS;
/** Number of ticks without waits after which the timer stops. */
const IDLE_TICKS = 100;

interface Waiting {
  readonly ms: number;
  readonly progress: (() => number) | undefined;
  untilMs: number;
  progressed: number;
  readonly giveUp: () => void;
}

export class DeadlineTimer {
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  /** Time counted by the ticks, in ms. */
  #countedMs = 0;
  #tickedAt = 0;
  #idle = 0;

  /**
   * Returns the outcome of the work, or `instead` after `ms` plus one tick. A later outcome is passed to `late`.
   *
   * @param progress a counter that grows while the work makes progress; `ms` is measured from the last progress
   */
  limit<T>(
    work: Promise<T>,
    ms: number,
    instead: () => T | Promise<T>,
    late: (result: T) => void,
    progress?: () => number,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        ms,
        progress,
        progressed: progress?.() ?? 0,
        untilMs: this.#countedMs + ms,
        giveUp: () => resolve(instead()),
      };
      this.#waiting.add(waiting);
      this.#timer ??= this.#start();
      work.then(
        (result) => (this.#waiting.delete(waiting) ? resolve(result) : late(result)),
        (error: unknown) => {
          if (this.#waiting.delete(waiting)) reject(error);
        },
      );
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): NodeJS.Timeout {
    this.#idle = 0;
    this.#tickedAt = now();
    // Ticks run after the poll phase, in which replies are read.
    return setInterval(() => setImmediate(() => this.#tick()), TICK_MS).unref();
  }

  #tick(): void {
    const at = now();
    this.#countedMs += Math.min(at - this.#tickedAt, TICK_MAX_MS);
    this.#tickedAt = at;
    for (const waiting of this.#waiting) {
      if (this.#countedMs < waiting.untilMs || this.#hasProgressed(waiting)) continue;
      this.#waiting.delete(waiting);
      waiting.giveUp();
    }
    this.#idle = this.#waiting.size === 0 ? this.#idle + 1 : 0;
    if (this.#idle > IDLE_TICKS) this.stop();
  }

  #hasProgressed(waiting: Waiting): boolean {
    const progressed = waiting.progress?.() ?? 0;
    if (progressed === waiting.progressed) return false;
    waiting.progressed = progressed;
    waiting.untilMs = this.#countedMs + waiting.ms;
    return true;
  }
}
