/**
 * The contract that every cache must meet, on a cache that finds its master through sentinels, and on a cache with
 * Redis disabled by configuration.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { memoryCache, redisCache, sentinelCache, tieredCache } from '../../client/index.ts';
import { cacheContract } from '../contracts/cache.ts';
import { PATIENT_LIMITS, PATIENT_LOADS } from '../support/patient-limits.ts';
import { type SentinelSet, startSentinelSet } from '../support/redis-process.ts';

describe('a cache over sentinels', () => {
  let set: SentinelSet;
  beforeAll(async () => {
    set = await startSentinelSet();
  });
  afterAll(() => set[Symbol.asyncDispose]());
  const sentinels = () => set.sentinels.map(({ address }) => address);

  cacheContract('keeps the contract', 'redis', async () =>
    sentinelCache({ sentinels: sentinels(), namespace: 's', ...PATIENT_LOADS }),
  );
  cacheContract('keeps the contract in two tiers', 'tiered', async () => {
    const cache = tieredCache({
      mode: 'sentinel',
      sentinels: sentinels(),
      namespace: 'st',
      ...PATIENT_LOADS,
    });
    await cache.ping();
    return cache;
  });
  cacheContract('keeps the contract without leases', 'redis', async () =>
    sentinelCache({
      sentinels: sentinels(),
      namespace: 'sl',
      ...PATIENT_LIMITS,
      compute: { leaseMs: 0, replyTimeoutMs: 5_000 },
    }),
  );
});

cacheContract('a cache that is not enabled', 'memory', async () =>
  redisCache({ enabled: false, fallbackEntries: 0, address: { host: '127.0.0.1', port: 1 } }),
);
cacheContract('a memory cache without an option for its size', 'memory', async () =>
  memoryCache({ fallbackEntries: 0, namespace: 'm' }),
);
