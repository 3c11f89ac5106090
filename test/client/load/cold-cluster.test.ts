/** Cold keys in hundreds of slots of a cluster, 20 ms away: all of them are stored, in each scripting mode. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clusterCache } from '../../../client/index.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { type LatencyProxies, startLatencyProxies } from '../../support/latency-proxies.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { SCRIPTING } from './lease-party.ts';

const KEYS = 400;
let set: ClusterSet;
let distant: LatencyProxies;
beforeAll(async () => {
  set = await startCluster();
  distant = await startLatencyProxies(set.nodes.map(({ address }) => address));
  distant.setLatency(20);
});
afterAll(async () => {
  await distant[Symbol.asyncDispose]();
  await set[Symbol.asyncDispose]();
});

// The order matters: once the library is loaded, all modes use it.
it.each(['commands', 'scripts', 'functions'] as const)('400 keys at once are stored by %s', async (way) => {
  const cache = clusterCache({
    nodes: distant.addresses,
    natMap: distant.natMap,
    namespace: `far-${way}`,
    scripting: SCRIPTING[way],
    ...PATIENT_LIMITS,
    // Transactions that run one after the other would take twice the duration of a lease.
    compute: { leaseMs: 4000, replyTimeoutMs: 5000 },
  });
  try {
    await cache.ping();
    const keys = Array.from({ length: KEYS }, (_, i) => `k${i}`);
    expect(await Promise.all(keys.map((key) => cache.getOrCompute(key, () => key)))).toEqual(keys);
    await waitUntil('all values are stored', () => cache.stats().writes === keys.length);
    const found = await cache.lookupMany(keys);
    expect([...found.values()].filter((lookup) => lookup.found && lookup.source === 'redis')).toHaveLength(
      KEYS,
    );
  } finally {
    await cache.close();
  }
});
