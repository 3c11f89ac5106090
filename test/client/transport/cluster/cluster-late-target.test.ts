/**
 * Reads of keys that have migrated to a node that the client cannot reach at first: the redirection is retried until
 * the deadline of the call.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Cache, clusterCache } from '../../../../client/index.ts';
import { addressKey } from '../../../../client/transport/address.ts';
import { slotOf } from '../../../../client/transport/cluster/slot.ts';
import { ProxyServer } from '../../../../harness/faults/proxy/server.ts';
import { beginMove, type ClusterSet, type SlotMove, startCluster } from '../../../support/cluster.ts';
import type { RedisProcess } from '../../../support/redis-process.ts';

/** Longer than a name resolution and a TLS handshake on a busy machine; the default deadline is 1 s. */
const LATE_MS = 500;
const [KEY, OTHER] = ['{late}1', '{late}2'];

let set: ClusterSet;
beforeAll(async () => {
  set = await startCluster();
});
afterAll(() => set[Symbol.asyncDispose]());

describe('a read of a key that migrated to another node', () => {
  let moving: SlotMove;
  /** The proxy through which the client reaches the node that receives the keys. */
  let proxy: ProxyServer;
  let cache: Cache;
  let target: string;

  function openCache(commandTimeoutMs: number): Cache {
    return clusterCache({
      nodes: [moving.from.address],
      namespace: 'late',
      commandTimeoutMs,
      natMap: { [addressKey(moving.to.address)]: proxy.address },
    });
  }

  const awaitTarget = (): Promise<void> =>
    new Promise((resolve) =>
      cache.on((event) => {
        if (event.type === 'ready' && addressKey(event.master) === target) resolve();
      }),
    );

  function enableLater(disabled: ProxyServer): void {
    const timer = setTimeout(() => void disabled.setEnabled(true), LATE_MS);
    onTestFinished(() => clearTimeout(timer));
  }

  beforeEach(async () => {
    const writer = clusterCache({ nodes: [(set.nodes[0] as RedisProcess).address], namespace: 'late' });
    for (const key of [KEY, OTHER]) await writer.set(key, key);
    const physical = [KEY, OTHER].map((key) => writer.physicalKey(key));
    await writer.close();
    moving = await beginMove(set, slotOf(physical[0] as string));
    await moving.migrate(physical);
    proxy = await ProxyServer.start(moving.to.address);
    target = addressKey(proxy.address);
  });

  afterEach(async () => {
    await cache.close();
    await proxy.close();
    await moving.finish();
  });

  it('returns the value if the first connection to that node takes half a second', async () => {
    await proxy.setEnabled(false);
    cache = openCache(5_000);
    enableLater(proxy);
    const startedAt = performance.now();
    expect(await cache.getEntry(KEY)).toEqual({ value: KEY, source: 'redis' });
    expect(performance.now() - startedAt).toBeGreaterThan(LATE_MS - 50);
    expect(await cache.getMany([KEY, OTHER])).toEqual(new Map([KEY, OTHER].map((key) => [key, key])));
  });

  it('returns the value if the connection to that node is lost for half a second', async () => {
    cache = openCache(5_000);
    await awaitTarget();
    await proxy.setEnabled(false);
    enableLater(proxy);
    expect(await cache.getEntry(KEY)).toEqual({ value: KEY, source: 'redis' });
  });

  it('is a miss from memory at the deadline of the call if that node stays unreachable', async () => {
    await proxy.setEnabled(false);
    cache = openCache(LATE_MS);
    const startedAt = performance.now();
    expect(await cache.lookup(KEY)).toEqual({ found: false, source: 'memory' });
    expect(performance.now() - startedAt).toBeLessThan(10 * LATE_MS);
    expect(cache.stats().breakerTransitions).toBe(0);
  });
});
