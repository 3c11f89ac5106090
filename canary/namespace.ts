import type { Cache } from '../client/index.ts';

/** Namespace of a cache: what `physicalKey` puts before a key. */
export function namespaceOf(cache: Cache): string {
  const probe = 'canary';
  return cache.physicalKey(probe).slice(0, -(probe.length + 1));
}
