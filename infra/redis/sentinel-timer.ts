/**
 * Predicts the timer of a sentinel. Each state of a failover (election, selection of a replica, promotion) waits for
 * one tick. Sentinel picks a new random frequency at each tick (`sentinelTimer` of sentinel.c: 10 + rand() % 10 Hz), so
 * a tick follows the previous one after 52 to 100 ms. INFO reports this frequency, from which the time of the next tick
 * is calculated.
 */
import type { Redis } from 'ioredis';
import { pause, poll } from '../host/wait.ts';
import { infoOf } from './reply.ts';

/** Lowest frequency of a sentinel, in ticks per second. */
const MIN_HZ = 10;
/**
 * Maximum number of consecutive ticks that may go undetected. One in ten ticks picks the same frequency as the previous
 * one and is therefore not detected.
 */
const TICKS_MAX = 6;

/**
 * Waits until `leadMs` before the next tick of the sentinel.
 *
 * @param leadMs time before the tick, in ms; at most 40, because ticks can be as little as 52 ms apart
 * @returns false if no tick was detected within 600 ms: the server does not report its frequency, or never changes it
 * @throws the reason given by the signal, or the error from INFO
 */
export async function beforeTick(sentinel: Redis, leadMs: number, signal?: AbortSignal): Promise<boolean> {
  let last: string | undefined;
  const seen = await poll<number>(
    { timeoutMs: (TICKS_MAX * 1000) / MIN_HZ, intervalMs: 2, signal },
    async () => {
      const hz = (await infoOf(sentinel, 'server')).get('hz');
      const isNew = last !== undefined && hz !== last;
      last = hz;
      const tickMs = performance.now() + 1000 / Number(hz);
      return isNew && tickMs > performance.now() + leadMs ? { value: tickMs } : { observed: hz };
    },
  );
  if (!('value' in seen)) return false;
  await pause(Math.max(0, seen.value - leadMs - performance.now()), signal);
  return true;
}
