/** Bounded waits: each ends on a timeout, on a signal, or with the awaited result. */

/** Returns milliseconds on the monotonic clock. */
export const now = (): number => performance.now();

/**
 * Returns a random time between half of `ms` and `ms`, so that clients that lost the same server do not all reconnect
 * at once.
 */
export const jittered = (ms: number): number => ms * (0.5 + Math.random() / 2);

/** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Minimum lateness of a timer, in ms, that indicates a stall (a blocked event loop). */
export const STALL_MS = 40;

/**
 * Returns the result of the promise, or rejects with an error that names the awaited result. Stalls of this process do
 * not count.
 */
export function withTimeout<T>(promise: Promise<T>, ms: number, awaited: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(new Error(`${awaited}: no result within ${ms} ms`));
    const dueAt = now() + ms;
    let timer = setTimeout(() => {
      const lateMs = now() - dueAt;
      // The timer is extended only once, so that a process that is always late waits at most twice as long.
      if (lateMs < STALL_MS) give();
      else timer = setTimeout(give, Math.min(lateMs, ms));
    }, ms);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
