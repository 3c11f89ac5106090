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

/** The promise's result, or a rejection that says what was awaited. */
export function within<T>(promise: Promise<T>, ms: number, awaited: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${awaited}: nothing within ${ms} ms`)), ms);
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
