/** Waits for a condition with a time limit. The timeout error names the awaited condition and the last observation. */
import { setTimeout as delay } from 'node:timers/promises';
import { KitError } from '../../config/errors.ts';

export interface WaitOptions {
  /** "replica redis-2 in sync": completes the sentence "timed out after N ms waiting for …". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Returns log lines that explain a failure; called only then. */
  readonly explain?: () => string | Promise<string>;
}

/**
 * Polls until `missing` returns `undefined`. A text describes the missing condition. A KitError ends the wait
 * immediately, except for an unreachable node; any other exception counts as missing.
 *
 * @throws KitError `NOT_HEALTHY`
 */
export async function until(options: WaitOptions, missing: () => Promise<string | undefined>): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await missing().catch((error: unknown) => {
      if (error instanceof KitError && error.code !== 'NODE_UNREACHABLE') throw error;
      return error instanceof Error ? error.message : String(error);
    });
    if (found === undefined) return;
    if (performance.now() > deadline) {
      const log = (await options.explain?.()) ?? '';
      throw new KitError(
        `timed out after ${options.timeoutMs} ms waiting for ${options.what}: ${found}${log === '' ? '' : `\n${log}`}`,
        { code: 'NOT_HEALTHY', exitCode: 3 },
      );
    }
    await delay(options.intervalMs ?? 20);
  }
}
