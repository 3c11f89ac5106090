/**
 * The kit's client with two defects: every lookup keeps its thread busy, so a load thread cannot keep its schedule, and
 * every lookup leaks 4 KB.
 */
import { type CacheOptions, openCache as openOwn } from '../../client/index.ts';

export * from '../../client/index.ts';

const BUSY_MS = 2;
/** Takes 4 KB. */
const LEAKED_NUMBERS = 500;
const leaked: number[][] = [];

export function openCache(options: Parameters<typeof openOwn>[0] & CacheOptions) {
  const cache = openOwn(options);
  const lookup = cache.lookup.bind(cache);
  cache.lookup = (key, more) => {
    leaked.push(Array.from({ length: LEAKED_NUMBERS }, (_, i) => i + 0.5));
    const untilMs = performance.now() + BUSY_MS;
    while (performance.now() < untilMs);
    return lookup(key, more);
  };
  return cache;
}
