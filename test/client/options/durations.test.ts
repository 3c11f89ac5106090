/** Durations are numbers. The error for '5m' states the number to use instead. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CacheAnalytics } from '../../../client/extras/analytics/index.ts';
import { healthCheck } from '../../../client/extras/health.ts';
import { SharedStatistics } from '../../../client/extras/shared-statistics.ts';
import { writeBehind } from '../../../client/extras/through/write-behind.ts';
import { CacheWarmer } from '../../../client/extras/warming/index.ts';
import { ConfigurationError, clusterCache, memoryCache, redisCache } from '../../../client/index.ts';
import { durationHint } from '../../../client/options/duration-hint.ts';

const cache = memoryCache();
afterAll(async () => {
  await cache.close();
});
const nodes = [{ host: '127.0.0.1', port: 1 }];
const source = { load: () => 1, store: () => {} };

/** Turns a thrown refusal into a rejected promise. */
const outcome = async (call: () => unknown): Promise<unknown> => call();

const PLACES: [path: string, expected: number, call: (duration: never) => unknown][] = [
  ['ttlSeconds', 300, (ttlSeconds) => cache.set('k', 1, { ttlSeconds })],
  ['ttlSeconds', 300, (ttlSeconds) => cache.expire('k', ttlSeconds)],
  ['ttlSeconds', 300, (ttlSeconds) => cache.getOrCompute('absent', () => 1, { ttlSeconds })],
  ['graceSeconds', 300, (graceSeconds) => cache.getOrCompute('absent', () => 1, { graceSeconds })],
  ['hardTimeoutMs', 300_000, (hardTimeoutMs) => cache.getOrCompute('absent', () => 1, { hardTimeoutMs })],
  [
    'negativeTtlSeconds',
    300,
    (negativeTtlSeconds) => cache.getOrCompute('absent', () => 1, { negativeTtlSeconds }),
  ],
  ['compute.softTimeoutMs', 300_000, (softTimeoutMs) => memoryCache({ compute: { softTimeoutMs } })],
  ['compute.leaseMs', 300_000, (leaseMs) => memoryCache({ compute: { leaseMs } })],
  ['defaultTtlSeconds', 300, (defaultTtlSeconds) => memoryCache({ defaultTtlSeconds })],
  ['durability.timeoutMs', 300_000, (timeoutMs) => memoryCache({ durability: { replicas: 1, timeoutMs } })],
  ['breaker.openMs', 300_000, (openMs) => memoryCache({ breaker: { openMs } })],
  ['breaker.sampling.windowMs', 300_000, (windowMs) => memoryCache({ breaker: { sampling: { windowMs } } })],
  ['l1.ttlSeconds', 300, (ttlSeconds) => memoryCache({ l1: { ttlSeconds } })],
  ['l1.boundMs', 300_000, (boundMs) => memoryCache({ l1: { boundMs } })],
  ['commandTimeoutMs', 300_000, (commandTimeoutMs) => redisCache({ commandTimeoutMs })],
  [
    'replicaReads.maxStalenessMs',
    300_000,
    (maxStalenessMs) => clusterCache({ nodes, replicaReads: { maxStalenessMs } }),
  ],
  ['maxDelayMs', 300_000, (maxDelayMs) => writeBehind(cache, source, { maxDelayMs })],
  ['flushMs', 300_000, (flushMs) => new SharedStatistics(cache, { flushMs })],
  ['sampleMs', 300_000, (sampleMs) => new CacheAnalytics(cache, { sampleMs })],
  ['loadMs', 300_000, (loadMs) => new CacheAnalytics(cache, { loadMs })],
  ['timeoutMs', 300_000, (timeoutMs) => healthCheck(cache, { timeoutMs })],
  [
    'strategy s: delaySeconds',
    300,
    (delaySeconds) => new CacheWarmer(cache, [{ name: 's', generate: () => [], delaySeconds }]),
  ],
  [
    'strategy s: ttlSeconds',
    300,
    (ttlSeconds) => new CacheWarmer(cache, [{ name: 's', generate: () => [], ttlSeconds }]),
  ],
];

describe("a duration as text, '5m'", () => {
  it.each(PLACES)('is rejected, and the error states the number: %s', async (path, expected, call) => {
    const refused = outcome(() => call('5m' as never));
    await expect(refused).rejects.toThrowError(ConfigurationError);
    await expect(refused).rejects.toThrowError(`${path}: must be `);
    await expect(refused).rejects.toThrowError(
      `, got "5m"; write ${expected}: a duration is a number, and the option's name has its unit`,
    );
  });

  it.each([
    ['ttlSeconds', '90', 90],
    ['ttlSeconds', '1.5h', 5400],
    ['ttlSeconds', '2 days', 172_800],
    ['ttlSeconds', '500ms', 0.5],
    ['ttlSeconds', '1 Week', 604_800],
    ['timeoutMs', '10s', 10_000],
    ['timeoutMs', '10 secs', 10_000],
    ['timeoutMs', '250', 250],
  ] as const)('is converted by the hint for %s: %s', (path, text, expected) => {
    expect(durationHint(path, text)).toContain(`; write ${expected}:`);
  });

  it('gets no hint if the text or the option is not a duration', () => {
    for (const text of ['', 'soon', '5 fortnights', '-5m', 'm5', '5m5', '1e3', 300, null])
      expect(durationHint('ttlSeconds', text)).toBe('');
    expect(durationHint('poolSize', '5m')).toBe('');
    fc.assert(fc.property(fc.anything(), (value) => typeof durationHint('ttlSeconds', value) === 'string'));
  });
});
