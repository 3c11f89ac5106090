import { integrationDrill } from './families.ts';

export const hitMiss = integrationDrill({
  id: 'hit-miss',
  title: 'A stored value is read; a missing key is a miss',
  source: 'requirements document 004 §5, test_redis_hit_miss_cycle',
  safeOutcome: 'every read returns the last value written, or a miss, and the counters agree',
  // `clear` scans the whole keyspace.
  external: { except: ['clear-counts', 'clear-removes', 'clear-spares'] },
  expectations: [
    'miss-before',
    'set-by-redis',
    'hit-after',
    'hit-by-redis',
    'overwritten',
    'not-replaced',
    'deleted',
    'miss-after',
    'batch',
    'hits-counted',
    'misses-counted',
    'clear-counts',
    'clear-removes',
    'clear-spares',
  ],
  // If a call times out, the memory fallback answers it, and Redis then has a different value or none.
  timed: [
    ...['set-by-redis', 'hit-after', 'hit-by-redis', 'overwritten', 'not-replaced', 'deleted', 'miss-after'],
    'batch',
    ...['hits-counted', 'misses-counted', 'clear-counts', 'clear-removes'],
  ],
});
