/**
 * How long `getOrCompute` waits for Redis before it loads by itself: its callers have another way to an answer, and a Redis that
 * hangs must not cost them what a suspicion takes. One timer for all that wait, running while there are some: a timer for each
 * would be a tenth of what a hit costs.
 *
 * Time is counted in its ticks. On a machine that is overloaded they come late, as Redis's answers do; and whoever is judged
 * has no answer lying in the socket, since this process may have been busy itself.
 */
const TICK_MS = 10;
/** Empty ticks after which the timer stops. */
const IDLE_TICKS = 100;

interface Waiting {
  readonly untilTick: number;
  readonly giveUp: () => void;
}

export class Patience {
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #idle = 0;

  /** The work's outcome, or `instead` once `ms` are over and a tick; what comes later goes to `late`. */
  limit<T>(
    work: Promise<T>,
    ms: number,
    instead: () => T | Promise<T>,
    late: (result: T) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        untilTick: this.#ticks + Math.ceil(ms / TICK_MS),
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
    // After the poll phase, in which answers are read.
    return setInterval(() => setImmediate(() => this.#tick()), TICK_MS).unref();
  }

  #tick(): void {
    this.#ticks += 1;
    for (const waiting of this.#waiting) {
      if (this.#ticks <= waiting.untilTick) continue;
      this.#waiting.delete(waiting);
      waiting.giveUp();
    }
    this.#idle = this.#waiting.size === 0 ? this.#idle + 1 : 0;
    if (this.#idle > IDLE_TICKS) this.stop();
  }
}
