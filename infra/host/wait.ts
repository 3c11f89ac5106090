/**
 * Bounded waiting. Every wait names its condition, has a time limit, and ends immediately when its signal aborts.
 *
 *   poll        the loop: attempts until one succeeds or the time limit is reached; the caller words the timeout error
 *   waitWhile   waits while there is a problem, and reports the last one
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { KitError } from '../../config/errors.ts';

export interface PollOptions {
  readonly timeoutMs: number;
  /** Pause between two attempts; default 20 ms. */
  readonly intervalMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of one attempt: the awaited value, or what was observed instead of it. */
export type Attempt<T> = { readonly value: T } | { readonly observed: unknown };

/**
 * Repeats the attempt until it returns a value. Returns the last attempt; if that has no value, the time limit was
 * reached.
 */
export async function poll<T>(
  { timeoutMs, intervalMs = 20, signal }: PollOptions,
  attempt: () => Promise<Attempt<T>>,
): Promise<Attempt<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const last = await attempt();
    if ('value' in last || performance.now() >= deadline) return last;
    await pause(intervalMs, signal);
  }
}

/** Sleeps; rejects with the signal's reason as soon as the signal aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  // Node 20 warns about more than ten listeners; a trial has that many concurrent waits.
  if (signal !== undefined) setMaxListeners(0, signal);
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

export interface WaitOptions extends PollOptions {
  /**
   * Awaited condition, such as "replica redis-2 in sync". It completes the sentence "timed out after N ms waiting for
   * …".
   */
  readonly what: string;
  /** Returns log lines that explain a failure; called only after a failure. */
  readonly explain?: () => string | Promise<string>;
}

/**
 * Waits until `problem` returns undefined. A KitError ends the wait immediately, except for an unreachable node; any
 * other exception counts as a problem.
 *
 * @throws KitError `NOT_HEALTHY` with the last problem
 */
export async function waitWhile(
  options: WaitOptions,
  problem: () => Promise<string | undefined>,
): Promise<void> {
  const last = await poll(options, async () => {
    const observed = await problem().catch((error: unknown) => {
      if (error instanceof KitError && error.code !== 'NODE_UNREACHABLE') throw error;
      return error instanceof Error ? error.message : String(error);
    });
    return observed === undefined ? { value: undefined } : { observed };
  });
  if ('value' in last) return;
  const log = (await options.explain?.()) ?? '';
  throw new KitError(
    `timed out after ${options.timeoutMs} ms waiting for ${options.what}: ${last.observed}${log === '' ? '' : `\n${log}`}`,
    { code: 'NOT_HEALTHY', exitCode: 3 },
  );
}
