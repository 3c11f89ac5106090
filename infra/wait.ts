/** Waits for a condition: bounded, and when the bound is reached it says what was awaited and what was seen. */
import { setTimeout as delay } from 'node:timers/promises';
import { KitError } from '../config/errors.ts';

export interface WaitOptions {
  /** "replica redis-2 in sync": completes the sentence "gave up after N ms waiting for …". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Lines of a log that explain a failure, asked for only then. */
  readonly explain?: () => string | Promise<string>;
}

/**
 * Asks until the answer is `undefined`: nothing missing any more. A text is what is still missing; an exception of the
 * kit ends the wait at once, any other counts as missing.
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
        `gave up after ${options.timeoutMs} ms waiting for ${options.what}: ${found}${log === '' ? '' : `\n${log}`}`,
        { code: 'NOT_HEALTHY', exitCode: 3 },
      );
    }
    await delay(options.intervalMs ?? 20);
  }
}
