/**
 * Bounded waiting. Every wait on the acting side has a description and a time limit, ends immediately when its signal
 * aborts, and includes the last observation in its error.
 */
import { KitError } from '../config/errors.ts';
import { poll } from '../infra/host/wait.ts';

export { pause } from '../infra/host/wait.ts';

export interface WaitOptions {
  readonly boundMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Pause between two attempts; default 20 ms. */
  readonly everyMs?: number;
}

/**
 * Calls `look` until it returns something other than `false` or undefined, and returns that value. An error in `look`
 * counts as "not yet", because nodes that are down refuse connections.
 *
 * @throws KitError WAIT_TIMEOUT with the condition, the time limit and the last observation
 */
export async function waitUntil<T>(
  what: string,
  look: () => Promise<T | false | undefined> | T | false | undefined,
  options: WaitOptions,
): Promise<T> {
  const { boundMs, everyMs, signal } = options;
  const last = await poll({ timeoutMs: boundMs, intervalMs: everyMs, signal }, async () => {
    try {
      const seen = await look();
      return seen === false || seen === undefined ? { observed: undefined } : { value: seen };
    } catch (error) {
      return { observed: error };
    }
  });
  if ('value' in last) return last.value;
  const { observed: cause } = last;
  const text = cause instanceof Error ? `; last error: ${cause.message}` : '';
  throw new KitError(`timed out after ${boundMs} ms waiting for ${what}${text}`, {
    code: 'WAIT_TIMEOUT',
    cause,
  });
}

/** Time limit of a wait, in ms, after an earlier one has timed out. */
const SHORT_BOUND_MS = 200;

/**
 * Returns a function that waits until a condition holds, and returns whether it does. Once a wait has timed out, all later
 * ones are short: a fault that every check of a script notices must not use up the time limit of the drill, in which
 * each expectation has to be recorded.
 */
export function openConditionWaits(
  signal?: AbortSignal,
): (what: string, look: () => Promise<boolean>, boundMs: number) => Promise<boolean> {
  let isLate = false;
  return async (what, look, boundMs) => {
    try {
      return await waitUntil(what, look, {
        boundMs: isLate ? Math.min(boundMs, SHORT_BOUND_MS) : boundMs,
        signal,
      });
    } catch {
      signal?.throwIfAborted();
      isLate = true;
      return false;
    }
  };
}

/**
 * Resolves like the promise, or rejects after the time limit with an error that contains `what`. The promise is not
 * cancelled: its result is dropped.
 */
export async function withTimeout<T>(what: string, promise: Promise<T>, options: WaitOptions): Promise<T> {
  const { boundMs, signal } = options;
  promise.catch(() => undefined);
  signal?.throwIfAborted();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const onTimeout = () =>
    reject(new KitError(`timed out after ${boundMs} ms waiting for ${what}`, { code: 'WAIT_TIMEOUT' }));
  const timer = setTimeout(onTimeout, boundMs);
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
