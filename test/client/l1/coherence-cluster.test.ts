/** The first tier over a real cluster: it listens to every master, because any master can own the slot of a key. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../../client/envelope.ts';
import { type Cache, clusterCache } from '../../../client/index.ts';
import { slotOf } from '../../../client/transport/cluster/slot.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { type RedisProcess, waitUntil } from '../../support/redis-process.ts';

let set: ClusterSet;
let cache: Cache;
const keys = Array.from({ length: 12 }, (_, i) => `k:${i}`);

describe('a first tier over a cluster', () => {
  beforeAll(async () => {
    set = await startCluster();
    cache = clusterCache({ nodes: set.nodes.map(({ address }) => address), namespace: 'c', l1: {} });
    await Promise.all(keys.map((key) => cache.set(key, 'old')));
  });
  afterAll(async () => {
    await cache.close();
    await set[Symbol.asyncDispose]();
  });

  const ownerOf = (key: string): Promise<RedisProcess> => set.owner(slotOf(`c:${key}`));
  const kept = (key: string): Promise<void> =>
    waitUntil(
      `${key} is in the first tier`,
      async () => (await cache.getEntry(key))?.source === ('l1' as string),
    );
  async function overwritten(key: string, value: string): Promise<void> {
    await (await ownerOf(key)).admin().set(`c:${key}`, encodeEnvelope(value));
    await waitUntil(`${key} is seen as ${value}`, async () => (await cache.get(key)) === value);
  }

  it('detects a write on every master', async () => {
    for (const key of keys) await kept(key);
    for (const key of keys) await overwritten(key, 'new');
  });

  it('detects writes to a slot that has moved to another master', async () => {
    const key = keys[0] as string;
    const slot = slotOf(`c:${key}`);
    const from = await set.owner(slot);
    const to = set.nodes.find((node, i) => i < 3 && node !== from) as RedisProcess;
    const id = (node: RedisProcess): string => set.ids[set.nodes.indexOf(node)] as string;
    await kept(key);
    await to.admin().call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', id(from));
    await from.admin().call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id(to));
    const { host, port } = to.address;
    const names = (await from.admin().call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
    await from.admin().call('MIGRATE', host, port, '', 0, 1000, 'KEYS', ...names);
    for (const node of [to, from]) await node.admin().call('CLUSTER', 'SETSLOT', slot, 'NODE', id(to));
    await kept(key);
    await overwritten(key, 'moved');
  });

  it('invalidates tags and patterns across all slots', async () => {
    await Promise.all(keys.map((key, i) => cache.set(key, i, { tags: ['all', `of ${key}`] })));
    expect((await cache.getMany(keys)).size).toBe(keys.length);
    await cache.invalidation.tags('all', ...keys.map((key) => `of ${key}`));
    expect((await cache.getMany(keys)).size).toBe(0);
    await Promise.all(keys.map((key) => cache.set(key, 1)));
    expect(await cache.invalidation.pattern('k:*')).toEqual({ outcome: 'applied', deleted: keys.length });
    expect((await cache.getMany(keys)).size).toBe(0);
  });

  it('drops its entries when a master fails, and listens to the promoted replica', async () => {
    // A key that was not deleted recently: a recent deletion would be repeated on the new master.
    const key = 'never deleted';
    await cache.set(key, 'before');
    await kept(key);
    const former = await ownerOf(key);
    await waitUntil('the replica has the key', async () => {
      const replica = set.nodes[set.nodes.indexOf(former) + 3] as RedisProcess;
      await replica.admin().call('READONLY');
      return (await replica.admin().exists(`c:${key}`)) === 1;
    });
    await former.kill();
    const successor = set.nodes[set.nodes.indexOf(former) + 3] as RedisProcess;
    await waitUntil('the replica is promoted', async () => (await successor.role()) === 'master', 20_000);
    await kept(key);
    await overwritten(key, 'after');
  });
});
