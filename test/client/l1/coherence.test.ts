import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisProcess, type SentinelSet, startSentinelSet, waitUntil } from '../../support/redis-process.ts';
import { listListenerIds, MinimalTier, StuckProxy } from './minimal-tier.ts';

describe('coherence with one server', () => {
  let redis: RedisProcess;
  let tier: MinimalTier;

  beforeAll(async () => {
    redis = await RedisProcess.start({ host: '127.61.20.1', conf: ['maxmemory-policy allkeys-lru'] });
  });
  beforeEach(async () => {
    tier = new MinimalTier({ mode: 'standalone', address: redis.address });
    await tier.waitUntilLive();
  });
  afterEach(async () => {
    redis.resume();
    await tier.close();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  it('detects every kind of write: SET, DEL, MSET, a transaction, a script, RENAME, COPY, GETDEL', async () => {
    const admin = redis.admin();
    const writes: (() => Promise<unknown>)[] = [
      () => admin.set('ns:k', '2'),
      () => admin.del('ns:k'),
      () => admin.mset('ns:k', '3', 'ns:other', '1'),
      () => admin.multi().incr('ns:k').exec(),
      () => admin.eval("return redis.call('SET', KEYS[1], '9')", 1, 'ns:k'),
      () => admin.rename('ns:k', 'ns:moved'),
      () => admin.copy('ns:moved', 'ns:k'),
      () => admin.getdel('ns:k'),
    ];
    await admin.set('ns:k', '1');
    for (const write of writes) {
      await tier.readAndStore('ns:k');
      await write();
      await tier.waitUntilGone('ns:k');
      expect(await tier.get('ns:k')).toBe(await admin.get('ns:k'));
    }
  });

  it('detects a key that expires in Redis', async () => {
    await redis.admin().set('ns:k', '1', 'PX', 80);
    await tier.readAndStore('ns:k');
    await tier.waitUntilGone('ns:k');
    expect(await tier.get('ns:k')).toBeNull();
  });

  it('detects an eviction', async () => {
    const admin = redis.admin();
    await admin.set('ns:evicted', 'x'.repeat(2000));
    await tier.readAndStore('ns:evicted');
    await admin.config('SET', 'maxmemory', '1');
    await admin.set('ns:new', '1').catch(() => {});
    await tier.waitUntilGone('ns:evicted');
    await admin.config('SET', 'maxmemory', '0');
  });

  it('detects FLUSHALL', async () => {
    await redis.admin().set('ns:k', '1');
    await tier.readAndStore('ns:k');
    await redis.admin().flushall();
    await tier.waitUntilGone('ns:k');
    expect(tier.coherence.live).toBe(true);
  });

  it('receives the invalidations of its own writes', async () => {
    await tier.connection.call('SET', 'ns:k', '1');
    await tier.readAndStore('ns:k');
    await tier.connection.call('SET', 'ns:k', '2');
    await tier.waitUntilGone('ns:k');
  });

  it('receives no invalidations for keys outside its prefix', async () => {
    await redis.admin().set('elsewhere', '1');
    await redis.admin().set('ns:k', '1');
    await waitUntil('the message about ns:k', () =>
      tier.events.some((event) => event.type === 'invalidate' && event.keys.includes('ns:k')),
    );
    const told = tier.events.flatMap((event) => (event.type === 'invalidate' ? event.keys : []));
    expect(told).not.toContain('elsewhere');
  });

  it('stores nothing when an invalidation overtakes the reply to a read', async () => {
    await redis.admin().set('ns:k', 'old');
    const fill = tier.coherence.begin('ns:k');
    const other = tier.coherence.begin('ns:other');
    const value = await tier.connection.call('GET', 'ns:k');
    const told = tier.countEvents('invalidate');
    await redis.admin().set('ns:k', 'new');
    await waitUntil('the message about the write', () => tier.countEvents('invalidate') > told);
    expect([value, fill.end(), other.end()]).toEqual(['old', false, true]);
    expect([fill.end(), tier.coherence.begin('ns:k').end()]).toEqual([false, true]);
  });

  it('immediately drops a key that this process changes, and discards its reads in flight', async () => {
    await tier.readAndStore('ns:k');
    const fill = tier.coherence.begin('ns:k');
    tier.coherence.forget(['ns:k']);
    expect([tier.stored.has('ns:k'), fill.end()]).toEqual([false, false]);
  });

  it('replaces a killed listener, and drops all entries before serving any again', async () => {
    await redis.admin().set('ns:k', 'old');
    await tier.readAndStore('ns:k');
    const fill = tier.coherence.begin('ns:k');
    const before = tier.countEvents('live');
    const [id] = await listListenerIds(redis);
    // One transaction, so that no listener is active during the write.
    await redis.admin().multi().call('CLIENT', 'KILL', 'ID', String(id)).set('ns:k', 'new').exec();
    await waitUntil('coherence is live again', () => tier.countEvents('live') > before);
    expect(fill.end()).toBe(false);
    expect(await tier.get('ns:k')).toBe('new');
    expect((await listListenerIds(redis)).length).toBe(1);
  });

  it('serves entries of a hung server only within the bound, and again after the server recovers', async () => {
    await tier.readAndStore('ns:k');
    redis.pause();
    const pausedAt = performance.now();
    let servedAt = pausedAt;
    await waitUntil(
      'nothing is served',
      () => {
        const at = performance.now();
        if (!tier.coherence.live) return true;
        servedAt = at;
        return false;
      },
      3000,
    );
    // The server may have replied to a heartbeat before the signal stopped it.
    expect(servedAt - pausedAt).toBeLessThan(tier.coherence.boundMs + 50);
    redis.resume();
    await tier.waitUntilLive();
  });

  it('detects within the bound that only the listener hangs, and replaces the listener', async () => {
    await using stuck = await StuckProxy.open(redis.address);
    const behind = new MinimalTier({ mode: 'standalone', address: redis.address }, 200, stuck.address);
    await behind.waitUntilLive();
    await redis.admin().set('ns:k', 'old');
    await behind.readAndStore('ns:k');
    const before = behind.countEvents('live');
    stuck.stopForwarding();
    await redis.admin().set('ns:k', 'new');
    const writtenAt = performance.now();
    let servedAt = writtenAt;
    await waitUntil('the new value is served', async () => {
      const at = performance.now();
      if ((await behind.get('ns:k')) === 'new') return true;
      servedAt = at;
      return false;
    });
    expect(servedAt - writtenAt).toBeLessThanOrEqual(200);
    await waitUntil('coherence is lost', () => behind.countEvents('lost') > 0);
    stuck.resumeForwarding();
    await waitUntil('coherence is live again', () => behind.countEvents('live') > before);
    expect(behind.stored.get('ns:k')).not.toBe('old');
    await behind.close();
  });

  it('serves no entry beyond the bound in a process that is too busy to receive messages', async () => {
    await redis.admin().set('ns:k', '1');
    await tier.readAndStore('ns:k');
    const startedAt = performance.now();
    let servedAt = startedAt;
    // A loop that blocks all messages, like a chain of resolved promises.
    for (let at = startedAt; at - startedAt < 5000; at = performance.now()) {
      if (!tier.coherence.live) break;
      servedAt = at;
      await Promise.resolve();
    }
    expect(servedAt - startedAt).toBeLessThanOrEqual(tier.coherence.boundMs);
    await tier.waitUntilLive();
  });

  it('tolerates a brief loss of the shared connection', async () => {
    await tier.readAndStore('ns:k');
    const resets = tier.countEvents('reset');
    const before = tier.countEvents('live');
    tier.connection.current()?.stream.destroy();
    await waitUntil('coherence is live again', () => tier.countEvents('live') > before);
    expect([tier.countEvents('reset') - resets, tier.stored.has('ns:k')]).toEqual([0, true]);
  });

  it('drops all entries when the server restarts', async () => {
    await redis.admin().set('ns:k', '1');
    await tier.readAndStore('ns:k');
    await redis.kill();
    await waitUntil('coherence is lost', () => !tier.coherence.live);
    expect(tier.stored.has('ns:k')).toBe(true);
    await redis.start();
    await tier.waitUntilLive();
    expect([tier.stored.has('ns:k'), await tier.get('ns:k')]).toEqual([false, null]);
  });

  it('serves no old value beyond the bound in hundreds of races with a repeatedly disconnected listener', async () => {
    const admin = redis.admin();
    let cuts = 0;
    for (let race = 0; race < 300; race++) {
      const key = `ns:race:${race % 7}`;
      const value = String(race);
      const reading = tier.get(key);
      const writing = admin.set(key, value);
      if (race % 3 === 0) {
        await tier.waitUntilLive();
        const [id] = await listListenerIds(redis);
        if (id !== undefined) cuts += Number(await admin.call('CLIENT', 'KILL', 'ID', id).catch(() => 0));
      }
      await Promise.all([reading, writing]);
      const writtenAt = performance.now();
      await waitUntil(
        'the new value is served',
        async () => {
          const at = performance.now();
          if ((await tier.get(key)) === value) return true;
          expect(at - writtenAt).toBeLessThan(tier.coherence.boundMs);
          return false;
        },
        2000,
      );
    }
    expect(cuts).toBe(100);
  });

  it('reports only once why it cannot listen, and serves nothing', async () => {
    await redis
      .admin()
      .call('ACL', 'SETUSER', 'deaf', 'on', '>secret', '~*', '+@all', '-client|tracking', '&*');
    const deaf = new MinimalTier({
      mode: 'standalone',
      address: redis.address,
      username: 'deaf',
      password: 'secret',
    });
    await waitUntil('the reason is reported', () => deaf.countEvents('lost') > 0);
    const told = deaf.events.find((event) => event.type === 'lost');
    expect(told).toMatchObject({ reason: expect.stringContaining('NOPERM') });
    await waitUntil('the listener has tried again', async () => {
      const refused = /cmdstat_client\|tracking:.*rejected_calls=(\d+)/.exec(
        await redis.admin().info('commandstats'),
      )?.[1];
      return Number(refused) >= 2;
    });
    expect([deaf.coherence.live, deaf.coherence.begin('ns:k').end(), deaf.countEvents('lost')]).toEqual([
      false,
      false,
      1,
    ]);
    await deaf.close();
  });

  it('releases all resources on close, in every state', async () => {
    await tier.close();
    expect(tier.coherence.live).toBe(false);
    const closing = new MinimalTier({ mode: 'standalone', address: redis.address });
    await waitUntil('the connection is ready', () => closing.connection.state.kind === 'ready');
    await closing.close();
    await waitUntil('no listener is left', async () => (await listListenerIds(redis)).length === 0);
  });
});

describe('coherence over sentinels', () => {
  let set: SentinelSet;
  let tier: MinimalTier;

  beforeAll(async () => {
    set = await startSentinelSet({ downAfterMs: 1000 });
    tier = new MinimalTier({ mode: 'sentinel', sentinels: set.sentinels.map(({ address }) => address) });
    await tier.waitUntilLive();
  });
  afterAll(async () => {
    for (const node of set.redis) node.resume();
    await tier.close();
    await set[Symbol.asyncDispose]();
  });

  it('drops all entries after a failover, and listens to the new master', async () => {
    const former = await set.master();
    await former.admin().set('ns:k', 'old');
    await tier.readAndStore('ns:k');
    former.pause();
    const next = async (): Promise<RedisProcess | undefined> => {
      for (const node of set.redis)
        if (node !== former && (await node.role().catch(() => '')) === 'master') return node;
      return undefined;
    };
    await waitUntil('a replica is promoted', async () => (await next()) !== undefined, 20_000);
    const promoted = (await next()) as RedisProcess;
    const writtenAt = performance.now();
    await promoted.admin().set('ns:k', 'new');
    await waitUntil(
      'the new value is served',
      async () => (await tier.get('ns:k').catch(() => '')) === 'new',
      20_000,
    );
    expect(performance.now() - writtenAt).toBeLessThan(10_000);
    former.resume();
    await tier.waitUntilLive();
    await tier.readAndStore('ns:k');
    await promoted.admin().set('ns:k', 'newer');
    await tier.waitUntilGone('ns:k');
    expect(await tier.get('ns:k')).toBe('newer');
    expect((await listListenerIds(promoted)).length).toBeGreaterThanOrEqual(1);
  });
});
