import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TagStamp } from '../../../../client/codec/envelope.ts';
import { CommandError, NotSentError } from '../../../../client/index.ts';
import { Journal } from '../../../../client/invalidation/journal.ts';
import { tagId } from '../../../../client/invalidation/tags/id.ts';
import { LocalTags } from '../../../../client/invalidation/tags/local.ts';
import { Tags } from '../../../../client/invalidation/tags/tags.ts';
import { Coherence } from '../../../../client/l1/coherence.ts';
import { resolveConnection } from '../../../../client/options/connection-options.ts';
import type { CacheConnection } from '../../../../client/transport/cache-connection.ts';
import { dedicatedConnections } from '../../../../client/transport/dedicated-connection.ts';
import { openConnection } from '../../../../client/transport/index.ts';
import { RedisProcess, waitUntil } from '../../../support/redis-process.ts';

let redis: RedisProcess;
let connection: CacheConnection;
let journal: Journal;

beforeAll(async () => {
  redis = await RedisProcess.start({ host: '127.61.21.1' });
});
beforeEach(async () => {
  await redis.admin().flushall();
});
afterAll(() => redis[Symbol.asyncDispose]());

const resolved = () =>
  resolveConnection({ mode: 'standalone', address: redis.address, commandTimeoutMs: 300 });

function open(coherence?: Coherence, slotOf?: (key: string) => number): Tags {
  // The journal of an earlier test replays over the connection of that test, which is already closed.
  const own = connection;
  journal = new Journal({ unlink: (keys) => own.request('UNLINK', keys, { failFast: true }) });
  own.on((event) => journal.noticed(event));
  return new Tags({
    prefix: 'ns:',
    send: (command, args) => own.request(command, args),
    journal,
    coherence: coherence && (() => coherence),
    ...(slotOf ? { slotOf } : {}),
  });
}

/** Number of calls that the server has executed, per command. */
async function commands(): Promise<ReadonlyMap<string, number>> {
  const text = await redis.admin().info('commandstats');
  return new Map(
    [...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, n]) => [name ?? '', Number(n)]),
  );
}
async function spent(work: () => Promise<unknown>): Promise<Readonly<Record<string, number>>> {
  const before = await commands();
  await work();
  const after = await commands();
  const used: Record<string, number> = {};
  for (const name of ['get', 'mget', 'set', 'unlink']) {
    const n = (after.get(name) ?? 0) - (before.get(name) ?? 0);
    if (n > 0) used[name] = n;
  }
  return used;
}

describe('tags that are checked in Redis each time', () => {
  let tags: Tags;
  beforeEach(() => {
    connection = openConnection(resolved());
    tags = open();
  });
  afterEach(async () => {
    redis.resume();
    await connection.close();
  });

  it('are valid until one of them is invalidated', async () => {
    const stamps = await tags.stamps(['a', 'b']);
    expect(stamps.map(({ id }) => id)).toEqual([tagId('a'), tagId('b')]);
    expect(await tags.stamps(['b', 'a', 'b'])).toEqual([stamps[1], stamps[0]]);
    expect(await tags.current(stamps)).toBe(true);
    expect(await tags.invalidate(['b'])).toBe('applied');
    expect(await tags.current(stamps)).toBe(false);
    expect(await tags.current(stamps.slice(0, 1))).toBe(true);
    const again = await tags.stamps(['a', 'b']);
    expect([again[0], again[1]?.version === stamps[1]?.version]).toEqual([stamps[0], false]);
  });

  it('are outdated for a load that was in flight during their invalidation', async () => {
    const stamps = await tags.stamps(['a']);
    await tags.invalidate(['a']);
    await tags.stamps(['a']);
    expect(await tags.current(stamps)).toBe(false);
  });

  it('never reuse an evicted, expired or flushed version', async () => {
    const stamps = await tags.stamps(['a']);
    for (const lose of [
      () => redis.admin().del(`ns:~tag:${tagId('a')}`),
      () => redis.admin().pexpire(`ns:~tag:${tagId('a')}`, 1),
      () => redis.admin().flushall(),
    ]) {
      await lose();
      await waitUntil('the tags are outdated', async () => !(await tags.current(stamps)));
      await tags.stamps(['a']);
      expect(await tags.current(stamps)).toBe(false);
    }
  });

  it('cost one command for all reads in one tick, and one for a single tag', async () => {
    const many = Array.from({ length: 50 }, (_, i) => `t${i}`);
    expect(await spent(() => tags.stamps(['alone']))).toEqual({ set: 1 });
    expect(await spent(() => Promise.all(Array.from({ length: 100 }, () => tags.stamps(['rush']))))).toEqual({
      set: 1,
    });
    expect(await spent(() => tags.stamps(many))).toEqual({ mget: 1, set: 50 });
    const stamps = await tags.stamps(many);
    const each = stamps.map((stamp) => [stamp]);
    expect(await spent(() => Promise.all(each.map((one) => tags.current(one))))).toEqual({ mget: 1 });
    expect(await spent(() => tags.invalidate(many))).toEqual({ unlink: 1 });
    expect(await tags.current([])).toBe(true);
  });

  it('use one command per slot in a cluster', async () => {
    const clustered = open(undefined, (key) => key.charCodeAt(key.length - 1) % 2);
    const many = Array.from({ length: 20 }, (_, i) => `t${i}`);
    const stamps = await clustered.stamps(many);
    expect(await spent(() => Promise.resolve(clustered.current(stamps)))).toEqual({ mget: 2 });
    expect(await spent(() => clustered.invalidate(many))).toEqual({ unlink: 2 });
    expect(await spent(() => clustered.invalidate([]))).toEqual({});
  });

  it('ignore a foreign value in a version key', async () => {
    for (const spoil of [
      () => redis.admin().set(`ns:~tag:${tagId('a')}`, 'nonsense'),
      () =>
        redis
          .admin()
          .multi()
          .del(`ns:~tag:${tagId('a')}`)
          .lpush(`ns:~tag:${tagId('a')}`, 'x')
          .exec(),
    ]) {
      await spoil();
      expect(await tags.current([{ id: tagId('a'), version: 'nonsense' }])).toBe(false);
      const stamps = await tags.stamps(['a']);
      expect(await tags.current(stamps)).toBe(true);
    }
  });

  it('are invalidated in this process immediately while Redis hangs, and in Redis when it replies again', async () => {
    const stamps = await tags.stamps(['a', 'b']);
    redis.pause();
    expect(await tags.invalidate(['a'])).toBe('pending');
    expect(tags.current(stamps)).toBe(false);
    redis.resume();
    await waitUntil('the deletion is replayed', () => journal.pending === 0);
    expect(await redis.admin().exists(`ns:~tag:${tagId('a')}`, `ns:~tag:${tagId('b')}`)).toBe(1);
    expect(await tags.current(stamps)).toBe(false);
  });

  it('are valid in memory while Redis is unreachable, and invalid when it is reachable again', async () => {
    redis.pause();
    const stamps = await tags.stamps(['a', 'b']);
    expect([tags.current(stamps), await tags.invalidate(['b'])]).toEqual([true, 'pending']);
    expect([tags.current(stamps), tags.current(stamps.slice(0, 1))]).toEqual([false, true]);
    const again = await tags.stamps(['a', 'b']);
    expect(tags.current(again)).toBe(true);
    redis.resume();
    await waitUntil('the deletion is replayed', () => journal.pending === 0);
    await tags.stamps(['c']);
    expect(await tags.current(again)).toBe(false);
  });

  it('report an invalidation as an error if Redis refuses it or the journal is full', async () => {
    await redis.admin().config('SET', 'min-replicas-to-write', '3');
    await expect(tags.invalidate(['a'])).rejects.toThrowError(CommandError);
    await redis.admin().config('SET', 'min-replicas-to-write', '0');
    journal.failed(Array.from({ length: 10_000 }, (_, i) => `k${i}`));
    redis.pause();
    await expect(tags.invalidate(['one more'])).rejects.toThrowError(NotSentError);
  });
});

describe('tags with coherence', () => {
  let tags: Tags;
  let coherence: Coherence;
  let elsewhere: Tags;
  let other: CacheConnection;

  beforeEach(async () => {
    connection = openConnection(resolved());
    coherence = new Coherence(connection, { prefixes: ['ns:'], open: dedicatedConnections(resolved()) });
    tags = open(coherence);
    other = openConnection(resolved());
    elsewhere = new Tags({
      prefix: 'ns:',
      send: (command, args) => other.request(command, args),
      journal: new Journal({ unlink: async () => {} }),
    });
    await waitUntil('coherence is live', () => coherence.live);
  });
  afterEach(async () => {
    redis.resume();
    coherence.close();
    await connection.close();
    await other.close();
  });

  /** Stamps whose versions this process has cached, after the messages about their creation have arrived. */
  async function known(names: readonly string[]): Promise<readonly TagStamp[]> {
    let quiet = 0;
    await waitUntil('the versions of the tags are cached', async () => {
      quiet = tags.stampsKnown(names) ? quiet + 1 : 0;
      await tags.current(await tags.stamps(names));
      return quiet === 3;
    });
    return tags.stampsKnown(names) as readonly TagStamp[];
  }

  it('cost no command for a valid read or a store', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `t${i}`);
    const stamps = await known(names);
    const current: unknown[] = [];
    const read: unknown[] = [];
    // No assertion inside the loops: a thousand assertions block the event loop, and after such a stall, versions are
    // read again.
    const used = await spent(async () => {
      for (let i = 0; i < 1000; i++) current.push(tags.current(stamps));
      for (let i = 0; i < 1000; i++) read.push(await tags.stamps(names));
    });
    expect(used).toEqual({});
    expect(current).toEqual(Array.from({ length: 1000 }, () => true));
    expect(read).toEqual(Array.from({ length: 1000 }, () => stamps));
  });

  it('cost at most a tenth of a command per read after an invalidation', async () => {
    const stamps = await known(['many']);
    await tags.invalidate(['many']);
    const used = await spent(async () => {
      for (let i = 0; i < 100; i++) expect(await tags.current(stamps)).toBe(false);
    });
    expect((used.mget ?? 0) + (used.set ?? 0)).toBeLessThanOrEqual(10);
  });

  it('are invalid after another client, redis-cli or an eviction changes their version', async () => {
    const key = `ns:~tag:${tagId('a')}`;
    for (const lose of [
      () => elsewhere.invalidate(['a']),
      () => redis.admin().del(key),
      () => redis.admin().flushdb(),
      () => redis.admin().set(key, '0123456789abcdef'),
    ]) {
      const stamps = await known(['a']);
      await lose();
      await waitUntil('the tags are outdated', async () => !(await tags.current(stamps)));
    }
  });

  it('become invalid as soon as this process invalidates them', async () => {
    const stamps = await known(['a']);
    await tags.invalidate(['a']);
    expect(await tags.current(stamps)).toBe(false);
  });

  it('fall back to a check in Redis while Redis does not reply', async () => {
    const stamps = await known(['a']);
    redis.pause();
    await waitUntil('coherence is lost', () => !coherence.live);
    await expect(tags.current(stamps)).rejects.toThrowError(/MGET/);
    redis.resume();
    await waitUntil('coherence is live', () => coherence.live);
    expect(await tags.current(stamps)).toBe(true);
  });

  it('keep at most the configured number of versions', async () => {
    const few = new Tags({
      prefix: 'ns:',
      send: (command, args) => connection.request(command, args),
      journal,
      coherence: () => coherence,
      knownMax: 2,
    });
    const names = ['a', 'b', 'c'];
    await few.stamps(names);
    const stamps = await few.stamps(names);
    await waitUntil('two versions are cached', async () => {
      await few.current(stamps);
      return names.filter((name) => few.stampsKnown([name])).length === 2;
    });
  });
});

describe('tags of entries that exist only in this process', () => {
  it('are valid until they are invalidated, evicted or cleared', async () => {
    const tags = new LocalTags(2);
    const [a, b] = [await tags.stamps(['a', 'a']), await tags.stamps(['a', 'b'])];
    expect([a.length, tags.current(a), tags.current(b)]).toEqual([1, true, true]);
    await tags.invalidate(['b']);
    expect([tags.current(a), tags.current(b)]).toEqual([true, false]);
    await tags.stamps(['c', 'd']);
    expect(tags.current(a)).toBe(false);
    const d = await tags.stamps(['d']);
    tags.clear();
    expect(tags.current(d)).toBe(false);
  });
});
