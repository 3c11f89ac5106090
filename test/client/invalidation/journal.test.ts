import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionEvent } from '../../../client/api/types.ts';
import { Fallback } from '../../../client/cache/fallback.ts';
import { type Cache, NotSentError, sentinelCache } from '../../../client/index.ts';
import { writeDurably } from '../../../client/invalidation/durable-write.ts';
import { Journal, type JournalOptions } from '../../../client/invalidation/journal.ts';
import type { ConnectionPart } from '../../../client/transport/part.ts';
import {
  type RedisProcess,
  type SentinelSet,
  startSentinelSet,
  waitUntil,
} from '../../support/redis-process.ts';

const master = { host: '127.0.0.1', port: 1 };
const lost: ConnectionEvent = { type: 'lost', master, reason: 'a test' };
const moved: ConnectionEvent = { type: 'moved', from: master, to: master, learnedFrom: 'role' };
const ready: ConnectionEvent = { type: 'ready', master, outageMs: 1 };

describe('the journal of deletions', () => {
  let at = 0;
  let calls: (readonly string[])[];
  let journal: Journal;

  function open(options: Partial<JournalOptions> = {}): void {
    journal = new Journal({
      unlink: async (keys) => void calls.push(keys),
      now: () => at,
      ...options,
    });
  }
  beforeEach(() => {
    at = 0;
    calls = [];
    open();
  });
  afterEach(() => void journal.close());
  const done = (): Promise<void> => waitUntil('all deletions are replayed', () => journal.pending === 0);

  it('repeats only the deletions from the last few seconds before the previous master was lost', async () => {
    journal.acknowledged(['early']);
    at = 10_001;
    journal.acknowledged(['late', 'later']);
    journal.noticed(lost);
    journal.noticed(moved);
    expect(['early', 'late', 'later'].map((key) => journal.isPending(key))).toEqual([false, true, true]);
    journal.noticed(ready);
    await done();
    expect(calls).toEqual([['late', 'later']]);
  });

  it('counts back from the time when the client began to suspect the previous master', async () => {
    journal.acknowledged(['k']);
    at = 9_000;
    journal.noticed({ type: 'suspect', master, reason: 'it hangs' });
    at = 100_000;
    journal.noticed(lost);
    journal.noticed(moved);
    journal.noticed(ready);
    await done();
    expect(calls).toEqual([['k']]);
  });

  it('repeats nothing when the same master returns', () => {
    journal.acknowledged(['k']);
    journal.noticed(lost);
    journal.noticed(ready);
    expect([journal.pending, journal.recent]).toEqual([0, 1]);
  });

  it('repeats deletions again after a second failover', async () => {
    journal.acknowledged(['k']);
    for (let failover = 0; failover < 2; failover++) {
      journal.noticed(moved);
      journal.noticed(ready);
      await done();
    }
    expect(calls).toEqual([['k'], ['k']]);
  });

  it('skips a key that a confirmed write has replaced', () => {
    journal.acknowledged(['k']);
    journal.failed(['other']);
    journal.supersede('k');
    journal.supersede('other');
    journal.noticed(moved);
    expect(journal.pending).toBe(0);
  });

  it('reports whether a reply predates the completion of a pending deletion of its key', async () => {
    const before = journal.ends;
    journal.failed(['k']);
    expect(journal.wasPending('k', journal.ends)).toBe(true);
    await done();
    expect([journal.wasPending('k', before), journal.wasPending('other', before)]).toEqual([true, false]);
    expect(journal.wasPending('k', journal.ends)).toBe(false);
  });

  it('does not accept replies that are older than all recorded outages', async () => {
    const before = journal.ends;
    journal.failed(['k', ...Array.from({ length: 9999 }, (_, i) => `k${i}`)]);
    await done();
    expect(journal.wasPending('other', before)).toBe(false);
    journal.failed(['last']);
    await done();
    expect(journal.wasPending('k', before)).toBe(true);
  });

  describe('of several connections', () => {
    const part = (prefix: string): ConnectionPart => ({ covers: (key) => key.startsWith(prefix) });
    const [a, b] = [part('a'), part('b')];

    it('repeats only the deletions that the moved connection sent', async () => {
      journal.acknowledged(['a:1', 'b:1']);
      journal.noticed(moved, b);
      journal.noticed(ready, b);
      await done();
      journal.noticed(moved, a);
      journal.noticed(ready, a);
      await done();
      expect(calls).toEqual([['b:1'], ['a:1']]);
    });

    it('freezes the window of an unreachable connection, even if the other connections are healthy', async () => {
      journal.acknowledged(['a:1']);
      at = 9_000;
      journal.noticed(lost, a);
      journal.noticed(lost, b);
      journal.noticed(ready, b);
      at = 60_000;
      journal.acknowledged(['b:1']);
      journal.noticed(moved, a);
      journal.noticed(ready, a);
      await done();
      expect(calls).toEqual([['a:1']]);
    });
  });

  describe('with writes to the same key', () => {
    const order = () => journal.order;

    it('does not repeat a failed deletion if Redis accepted a later write', () => {
      const deletion = order().begin('k');
      const write = order().begin('k');
      order().taken('k', write);
      journal.supersede('k', write);
      order().end('k');
      journal.failed(['k', 'other'], deletion);
      order().end('k');
      expect([journal.isPending('k'), journal.isPending('other')]).toEqual([false, true]);
      // The order is discarded once no operation on the key is in flight, so a later deletion is pending again.
      journal.failed(['k']);
      expect(journal.isPending('k')).toBe(true);
    });

    it('repeats a deletion that was requested after the write', () => {
      const write = order().begin('k');
      const deletion = order().begin('k');
      journal.failed(['k'], deletion);
      journal.supersede('k', write);
      expect(journal.isPending('k')).toBe(true);
    });

    it('skips a key while a durable write is replacing it, and replays the key if the write fails', async () => {
      const { promise, reject } = Promise.withResolvers<number>();
      const fallback = new Fallback(10, async (keys) => void calls.push(keys));
      fallback.remember(['k', 'other']);
      const place = fallback.journal.order.begin('k');
      const written = writeDurably(fallback, 'k', place, () => promise);
      fallback.recover();
      await waitUntil('the other deletion is replayed', () => !fallback.isDirty('other'));
      // While the write is in flight, reads do not accept the value in Redis.
      expect([fallback.isDirty('k'), calls]).toEqual([true, [['other']]]);
      reject(new NotSentError('a test'));
      await expect(written).rejects.toThrowError(NotSentError);
      await waitUntil('the deletion is replayed', () => !fallback.isDirty('k'));
      expect(calls).toEqual([['other'], ['k']]);
      fallback.stop();
    });

    it('delays a durable write until its key is replayed, and does not replay the key again', async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const steps: string[] = [];
      const fallback = new Fallback(10, (keys) => {
        steps.push(`replay ${keys}`);
        return promise.then(() => void steps.push('replayed'));
      });
      fallback.memory.set('k', Buffer.from('older'), null);
      fallback.remember(['k']);
      fallback.recover();
      const place = fallback.journal.order.begin('k');
      const written = writeDurably(fallback, 'k', place, async () => void steps.push('written'));
      await new Promise(setImmediate);
      resolve();
      await written;
      expect(steps).toEqual(['replay k', 'replayed', 'written']);
      expect([fallback.isDirty('k'), fallback.memory.size]).toEqual([false, 0]);
      fallback.journal.noticed(moved);
      expect(fallback.journal.pending).toBe(0);
      fallback.stop();
    });

    it('does not repeat a deletion on the new master if a durable write replaced the key during the failover', () => {
      journal.acknowledged(['k']);
      const place = journal.order.begin('k');
      journal.hold('k');
      journal.noticed(moved);
      expect(journal.isPending('k')).toBe(true);
      journal.supersede('k', place);
      journal.release('k');
      expect(journal.isPending('k')).toBe(false);
    });

    it.each([
      [true, false],
      [false, true],
    ])(
      'settles a pending key if its NX write was made (%s), and keeps it pending otherwise',
      async (wrote, pending) => {
        const fallback = new Fallback(10, () => Promise.reject(new NotSentError('a test')));
        fallback.remember(['k']);
        const place = fallback.journal.order.begin('k');
        await writeDurably(fallback, 'k', place, async () => wrote, Boolean);
        expect(fallback.isDirty('k')).toBe(pending);
        fallback.stop();
      },
    );
  });

  it('drops deletions that are older than its window, and counts those beyond its capacity', () => {
    open({ recentMax: 3 });
    journal.acknowledged(['a', 'b', 'c', 'd']);
    expect([journal.recent, journal.dropped]).toEqual([3, 1]);
    at = 10_001;
    journal.acknowledged(['e']);
    expect([journal.recent, journal.dropped]).toEqual([1, 1]);
  });

  it('rejects deletions beyond its capacity with an error', () => {
    open({ pendingMax: 2 });
    journal.failed(['a', 'b']);
    expect(() => journal.failed(['a', 'b'])).not.toThrow();
    expect(() => journal.failed(['c'])).toThrowError(NotSentError);
    expect([journal.tryFailed('a'), journal.tryFailed('c'), journal.pending]).toEqual([true, false, 2]);
    expect(journal.close()).toEqual(['a', 'b']);
    journal.recover();
    expect(calls).toEqual([]);
  });

  it('retries refused deletions without waiting for a ready event', async () => {
    let refusals = 2;
    open({
      unlink: async (keys) => {
        calls.push(keys);
        refusals -= 1;
        if (refusals >= 0) throw new NotSentError('a test');
      },
    });
    journal.failed(['k']);
    await done();
    expect(calls).toEqual([['k'], ['k'], ['k']]);
  });

  it('sends at most 500 keys per command', async () => {
    journal.failed(Array.from({ length: 1200 }, (_, i) => `k${i}`));
    journal.recover();
    await done();
    expect(calls.map(({ length }) => length)).toEqual([500, 500, 200]);
  });
});

describe.each([1, 4])('a failover that lost deletions, with %i connections', (poolSize) => {
  let set: SentinelSet;
  let cache: Cache;

  beforeAll(async () => {
    set = await startSentinelSet({ downAfterMs: 1000 });
    for (const sentinel of set.sentinels.slice(1)) sentinel.pause();
    cache = sentinelCache({
      sentinels: set.sentinels.slice(0, 1).map(({ address }) => address),
      namespace: 'f',
      poolSize,
    });
    await cache.ping();
  });
  afterAll(async () => {
    for (const sentinel of set.sentinels) sentinel.resume();
    await cache.close();
    await set[Symbol.asyncDispose]();
  });

  it('does not restore deleted values: lost deletions are repeated, and reads are misses until then', async () => {
    const former = await set.master();
    const next = set.redis.find((node) => node !== former) as RedisProcess;
    // Enough keys to use all connections in a pool.
    const deleted = Array.from({ length: 16 }, (_, i) => `deleted:${i}`);
    const physical = deleted.map((key) => `f:${key}`);
    for (const key of [...deleted, 'kept', 'confirmed']) await cache.set(key, 'old');
    await waitUntil(
      'the replica has the keys',
      async () => (await next.admin().exists(...physical, 'f:kept')) === 17,
    );
    const durability = { replicas: 2, timeoutMs: 2000 };
    await cache.delete('confirmed');
    await cache.setIfAbsent('confirmed', 'new', { durability });
    // The replicas stop replicating, so they never receive later writes.
    for (const node of set.redis)
      if (node !== former) await node.admin().config('SET', 'masterauth', 'wrong');
    await former.admin().call('CLIENT', 'KILL', 'TYPE', 'REPLICA');
    expect(await cache.delete(...deleted)).toBe(16);
    expect(await next.admin().exists(...physical)).toBe(16);
    const moves: string[] = [];
    cache.on(({ type }) => moves.push(type));
    await former.kill();
    await next.admin().call('REPLICAOF', 'NO', 'ONE');
    const expectNoneOld = async (): Promise<void> => {
      expect(await cache.getMany(deleted)).toEqual(new Map());
      for (const key of deleted) expect(await cache.get(key)).toBeUndefined();
    };
    await waitUntil('the cache has moved', async () => {
      await expectNoneOld();
      return moves.includes('moved');
    });
    await waitUntil('all keys are deleted again', async () => {
      await expectNoneOld();
      return (await next.admin().exists(...physical)) === 0;
    });
    // The outage opened the circuit breaker. Until its trial succeeds, reads are misses.
    await waitUntil('the key that was not deleted is read', async () => (await cache.get('kept')) === 'old');
    // Two replicas confirmed the write, so the earlier deletion of the key is not repeated.
    await waitUntil('the confirmed value is read', async () => (await cache.get('confirmed')) === 'new');
    expect(await next.admin().exists('f:kept', 'f:confirmed')).toBe(2);
  });
});
