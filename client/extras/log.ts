/**
 * Events of a cache as structured records, for any logger.
 *
 * @module log
 */

import type { Cache, CacheEvent } from '../api/types.ts';
import { assertCache, assertFunction } from '../options/arguments.ts';
import { namespaceOf } from './metrics/server.ts';

/** One event as a record. */
export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn';
  /** Name of the event: `cache.` followed by its type. */
  readonly event: string;
  /** Time of the event, ISO 8601. */
  readonly time: string;
  readonly namespace: string;
  /** Fields of the event, without its type. */
  readonly details: Readonly<Record<string, unknown>>;
}

const LEVELS: Readonly<Partial<Record<CacheEvent['type'], LogRecord['level']>>> = {
  lost: 'warn',
  suspect: 'warn',
  breaker: 'warn',
  purged: 'warn',
  'deletions-lost': 'warn',
  unstorable: 'warn',
  refused: 'warn',
  fallback: 'debug',
  stale: 'debug',
};

/**
 * Passes one record per event to `write`, until the returned function is called. Events for individual operations
 * (`fallback`, `stale`) have the level `debug`, because during an outage every operation emits one.
 */
export function logEvents(cache: Cache, write: (record: LogRecord) => void): () => void {
  assertCache(cache);
  assertFunction('write', write);
  const namespace = namespaceOf(cache);
  return cache.on((event) => {
    const { type, ...details } = event;
    const recovered = event.type === 'breaker' && event.to === 'closed';
    write({
      level: recovered ? 'info' : (LEVELS[type] ?? 'info'),
      event: `cache.${type}`,
      time: new Date().toISOString(),
      namespace,
      details,
    });
  });
}
