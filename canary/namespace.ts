import type { Cache } from '../client/index.ts';

/** Returns the namespace of a cache: the prefix that `physicalKey` adds to a key, without the colon. */
export function namespaceOf(cache: Cache): string {
  const probe = 'canary';
  return cache.physicalKey(probe).slice(0, -(probe.length + 1));
}
