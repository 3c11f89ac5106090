import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, NotSentError, sentinelCache } from '../../../client/index.ts';
import { Journal, type JournalOptions } from '../../../client/invalidation/journal.ts';
import type { ConnectionEvent } from '../../../client/types.ts';
import { type RedisProcess, type SentinelSet, startSentinelSet, until } from '../../support/redis.ts';

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
  const done = (): Promise<void> => until('all are replayed', () => journal.pending === 0);

  it('repeats at the new master what the former acknowledged in its last seconds, and no more', async () => {
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

  it('counts those seconds from when the former master was last trusted', async () => {
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

  it('repeats it once more when the successor is succeeded in its turn', async () => {
    journal.acknowledged(['k']);
    for (let failover = 0; failover < 2; failover++) {
      journal.noticed(moved);
      journal.noticed(ready);
      await done();
    }
    expect(calls).toEqual([['k'], ['k']]);
  });

  it('leaves alone what a confirmed value has taken the place of', () => {
    journal.acknowledged(['k']);
    journal.failed(['other']);
    journal.supersede('k');
    journal.supersede('other');
    journal.noticed(moved);
    expect(journal.pending).toBe(0);
  });

  it('forgets after its window, and says how many it could not keep', () => {
    open({ recentMax: 3 });
    journal.acknowledged(['a', 'b', 'c', 'd']);
    expect([journal.recent, journal.dropped]).toEqual([3, 1]);
    at = 10_001;
    journal.acknowledged(['e']);
    expect([journal.recent, journal.dropped]).toEqual([1, 1]);
  });

  it('refuses with an error what it cannot hold', () => {
    open({ pendingMax: 2 });
    journal.failed(['a', 'b']);
    expect(() => journal.failed(['a', 'b'])).not.toThrow();
    expect(() => journal.failed(['c'])).toThrowError(NotSentError);
    expect([journal.tryFailed('a'), journal.tryFailed('c'), journal.pending]).toEqual([true, false, 2]);
    expect(journal.close()).toBe(2);
    journal.recover();
    expect(calls).toEqual([]);
  });

  it('repeats them also where no connection says that it is ready, for as long as Redis refuses', async () => {
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

  it('sends no more than 500 keys in a command', async () => {
    journal.failed(Array.from({ length: 1200 }, (_, i) => `k${i}`));
    journal.recover();
    await done();
    expect(calls.map(({ length }) => length)).toEqual([500, 500, 200]);
  });
});

describe('a failover that lost a deletion', () => {
  let set: SentinelSet;
  let cache: Cache;

  beforeAll(async () => {
    set = await startSentinelSet({ downAfterMs: 1000 });
    for (const sentinel of set.sentinels.slice(1)) sentinel.pause();
    cache = sentinelCache({
      sentinels: set.sentinels.slice(0, 1).map(({ address }) => address),
      namespace: 'f',
    });
    await cache.ping();
  });
  afterAll(async () => {
    for (const sentinel of set.sentinels) sentinel.resume();
    await cache.close();
    await set[Symbol.asyncDispose]();
  });

  it('brings nothing back: it is deleted again, and not believed until then', async () => {
    const former = await set.master();
    const next = set.redis.find((node) => node !== former) as RedisProcess;
    for (const key of ['deleted', 'kept']) await cache.set(key, 'old');
    await until('the replica has them', async () => (await next.admin().exists('f:deleted', 'f:kept')) === 2);
    // The replicas cannot follow any more: what comes now, they never hear of.
    for (const node of set.redis)
      if (node !== former) await node.admin().config('SET', 'masterauth', 'wrong');
    await former.admin().call('CLIENT', 'KILL', 'TYPE', 'REPLICA');
    expect(await cache.delete('deleted')).toBe(1);
    expect(await next.admin().exists('f:deleted')).toBe(1);
    const moves: string[] = [];
    cache.on(({ type }) => moves.push(type));
    await former.kill();
    await next.admin().call('REPLICAOF', 'NO', 'ONE');
    await until('the cache has moved', async () => {
      expect(await cache.get('deleted')).toBeUndefined();
      return moves.includes('moved');
    });
    await until('it is deleted again', async () => {
      expect(await cache.get('deleted')).toBeUndefined();
      return (await next.admin().exists('f:deleted')) === 0;
    });
    expect(await cache.get('kept')).toBe('old');
  });
});
