/** Waits that always end: by time, by signal, or by what is awaited. */

/** Milliseconds on the monotonic clock. */
export const now = (): number => performance.now();

/** A random time between half of `ms` and `ms`, so that clients that lost the same server do not return in step. */
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

/** A timer that is so much too late, in ms, says that this process stood still: its event loop had other work. */
export const STALL_MS = 40;

/** The promise's result, or a rejection that says what was awaited. A time in which this process stood still does not count. */
export function withTimeout<T>(promise: Promise<T>, ms: number, awaited: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(new Error(`${awaited}: nothing within ${ms} ms`));
    const dueAt = now() + ms;
    let timer = setTimeout(() => {
      const lateMs = now() - dueAt;
      // Once: a process that is always late waits no more than twice as long.
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
