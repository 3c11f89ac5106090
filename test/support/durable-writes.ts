/** Durable writes to an environment while its nodes are replaced, and the detection of lost writes. */
import type { Cache } from '../../client/index.ts';

export { loadAtRate, lostKeys, openApplicationCache } from '../../bench/rolling/load.ts';

/** Writes until the signal aborts, and returns the acknowledged keys. */
export async function writeDurably(cache: Cache, stopped: AbortSignal): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  for (let i = 0; !stopped.aborted; i += 1) {
    const written = await cache
      .set(`rolling:${i}`, i, { durability: { replicas: 1, timeoutMs: 1_000 } })
      .catch(() => undefined);
    if (written?.source === 'redis') acknowledged.push(`rolling:${i}`);
  }
  return acknowledged;
}
