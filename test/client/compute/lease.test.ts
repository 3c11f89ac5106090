import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Claim, seenOf } from '../../../client/compute/lease.ts';
import { hashTagOf, leaseKey } from '../../../client/compute/lease-key.ts';
import { encodeEnvelope } from '../../../client/envelope.ts';
import { RedisProcess, until } from '../../support/redis.ts';
import { commandsSent, loadLibrary, Party } from './bench.ts';

const payload = encodeEnvelope({ answer: 42 });
const LEASE = leaseKey('ns', 'ns:k');

/** The two ways to the same meaning. */
for (const way of ['functions', 'plain commands'] as const) {
  describe(`leases by ${way}`, () => {
    let redis: RedisProcess;
    let first: Party;
    let second: Party;

    beforeAll(async () => {
      redis = await RedisProcess.start();
      if (way === 'functions') await loadLibrary(redis);
    });
    beforeEach(async () => {
      await redis.admin().flushdb();
      first = new Party(redis);
      second = new Party(redis);
      await Promise.all([first.remote.ping(), second.remote.ping()]);
    });
    afterEach(async () => {
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    });
    afterAll(() => redis[Symbol.asyncDispose]());

    const mine = async (party: Party): Promise<Claim> => {
      const claim = party.claim('ns:k');
      expect(await claim.fetch()).toEqual({ kind: 'mine' });
      return claim;
    };

    it('gives an absent entry to one, and says who has it to the other', async () => {
      await mine(first);
      const held = await second.claim('ns:k').fetch();
      expect(held).toMatchObject({ kind: 'held', token: expect.stringMatching(/^[0-9a-f]{16}$/) });
      expect((held as { leftMs: number }).leftMs).toBeGreaterThan(1000);
    });

    it('gives the value where there is one', async () => {
      await (await mine(first)).store(payload, 60_000);
      expect(await second.claim('ns:k').fetch()).toEqual({ kind: 'value', payload });
      expect(await redis.admin().exists(LEASE)).toBe(0);
      const ttlMs = await redis.admin().pttl('ns:k');
      expect(ttlMs).toBeGreaterThan(59_000);
      expect(ttlMs).toBeLessThanOrEqual(60_000);
    });

    it('stores for ever where no expiry is asked for', async () => {
      expect(await (await mine(first)).store(payload, null)).toBe(true);
      expect(await redis.admin().pttl('ns:k')).toBe(-1);
    });

    it('recognises its own lease when the answer was lost', async () => {
      const claim = await mine(first);
      expect(await claim.fetch()).toEqual({ kind: 'mine' });
    });

    it('stores nothing once the lease was deleted, taken over or the entry set', async () => {
      const deleted = await mine(first);
      await redis.admin().unlink('ns:k', LEASE);
      expect(await deleted.store(payload, 60_000)).toBe(false);

      const slow = await mine(first);
      await redis.admin().unlink(LEASE);
      const quick = await mine(second);
      expect(await slow.store(payload, 60_000)).toBe(false);
      await slow.release('failed');
      expect(await redis.admin().exists(LEASE)).toBe(1);
      await quick.release('nothing');
      expect(await redis.admin().exists(LEASE)).toBe(0);

      const overtaken = await mine(first);
      await redis.admin().set('ns:k', 'newer');
      expect(await overtaken.store(payload, 60_000)).toBe(false);
      expect(await redis.admin().get('ns:k')).toBe('newer');
    });

    it('replaces the stale value that was seen, and no other', async () => {
      const stale = encodeEnvelope('stale');
      await redis.admin().set('ns:k', stale);
      const claim = first.claim('ns:k');
      expect(await claim.take(false)).toEqual({ kind: 'mine' });
      expect(await second.claim('ns:k').take(false)).toMatchObject({ kind: 'held' });
      expect(await claim.store(payload, 60_000, seenOf(stale))).toBe(true);
      expect(await claim.take(false)).toEqual({ kind: 'mine' });
      expect(await claim.store(stale, 60_000, seenOf(stale))).toBe(false);
      expect(await redis.admin().getBuffer('ns:k')).toEqual(payload);
    });

    it('replaces a stale value that expired meanwhile', async () => {
      const claim = first.claim('ns:k');
      await claim.take(false);
      expect(await claim.store(payload, 60_000, seenOf(encodeEnvelope('stale')))).toBe(true);
    });

    it('tells who waits that the value is there, that there is none, or that the load failed', async () => {
      await second.leases.signals.open();
      for (const [end, outcomes] of [
        [(claim: Claim) => claim.store(payload, 60_000), ['v', 's']],
        [(claim: Claim) => claim.release('nothing'), ['n']],
        [(claim: Claim) => claim.release('failed'), ['f']],
      ] as const) {
        await redis.admin().flushdb();
        const claim = await mine(first);
        const waiting = second.claim('ns:k');
        const held = await waiting.fetch();
        if (held.kind !== 'held') throw new Error(`it is ${held.kind}`);
        const woken = waiting.wait(held, 5000);
        await end(claim);
        const wake = await woken;
        expect(wake).toMatchObject({
          kind: 'told',
          outcome: expect.stringMatching(`^[${outcomes.join('')}]$`),
        });
        if (wake.kind === 'told' && wake.outcome === 'v') expect(wake.payload).toEqual(payload);
      }
    });

    it('hears nothing of another lease, and is told by the time that its own is over', async () => {
      await second.leases.signals.open();
      await mine(first);
      const waiting = second.claim('ns:k');
      await redis.admin().pexpire(LEASE, 60);
      const held = await waiting.fetch();
      if (held.kind !== 'held') throw new Error(`it is ${held.kind}`);
      await redis.admin().publish('ns:~ready', `${'0'.repeat(16)}f`);
      expect(await waiting.wait(held, way === 'functions' ? 5000 : 60)).toEqual({ kind: 'silent' });
    });

    it('stores although a renewal was on its way', async () => {
      const claim = await mine(first);
      const { transactions, connection } = first.remote;
      const run = transactions.run.bind(transactions);
      let renewals = 0;
      transactions.run = (keys, looks, decide) =>
        run(keys, looks, (replies) => {
          renewals += 1;
          // Between WATCH and EXEC.
          if (renewals === 1) void connection.request('PEXPIRE', [LEASE, 5_000]);
          return decide(replies);
        });
      expect(await claim.store(payload, 60_000)).toBe(true);
      expect(renewals).toBe(way === 'functions' ? 0 : 2);
    });

    it('renews its lease while it loads, and no longer once it is somebody else’s', async () => {
      const short = new Party(redis, 600);
      try {
        const claim = short.claim('ns:k');
        await claim.fetch();
        const startedAt = Date.now();
        await until('three leases have passed', () => Date.now() - startedAt > 1_800);
        expect(await claim.store(payload, 60_000)).toBe(true);
        await redis.admin().flushdb();
        await claim.fetch();
        await redis.admin().set(LEASE, 'f'.repeat(16), 'PX', 1_000);
        await until('the other lease runs out', async () => (await redis.admin().exists(LEASE)) === 0);
      } finally {
        await short[Symbol.asyncDispose]();
      }
    });

    it('takes over the lease of a holder that is dead', async () => {
      const dead = new Party(redis, 100);
      await dead.claim('ns:k').fetch();
      await dead[Symbol.asyncDispose]();
      const waiting = second.claim('ns:k');
      const held = await waiting.fetch();
      expect(held.kind).toBe('held');
      await until('the lease is free', async () => (await waiting.fetch()).kind === 'mine', 1000);
    });

    it('purges an entry only while it is what was read', async () => {
      await redis.admin().set('ns:k', 'poison');
      expect(await first.remote.purge('ns:k', Buffer.from('other'))).toBe(false);
      expect(await first.remote.purge('ns:k', Buffer.from('poison'))).toBe(true);
      expect(await first.remote.purge('ns:k', Buffer.from('poison'))).toBe(false);
    });

    it('needs so many commands', async () => {
      const expected =
        way === 'functions'
          ? { cold: ['FCALL', 'FCALL'], hit: ['FCALL'] }
          : {
              cold: 'GET SET WATCH GET MGET MULTI SET UNLINK PUBLISH EXEC'.split(' '),
              hit: ['GET'],
            };
      // One function call that is in vain tells a connection that there is no library.
      await first.claim('ns:other').fetch();
      const cold = async () => (await mine(first)).store(payload, 60_000);
      expect(await commandsSent(redis.admin(), cold)).toEqual(expected.cold);
      expect(await commandsSent(redis.admin(), () => first.claim('ns:k').fetch())).toEqual(expected.hit);
    });
  });
}

describe('leases', () => {
  it('try the functions again after a reconnect', async () => {
    await using redis = await RedisProcess.start();
    await using party = new Party(redis);
    await party.claim('ns:a').fetch();
    expect(party.remote.functions.absent).toBe(true);
    await loadLibrary(redis);
    await redis.admin().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until('it is connected again', () => !party.remote.functions.absent);
    await party.claim('ns:b').fetch();
    expect(party.remote.functions.absent).toBe(false);
  });

  it('wait by asking when there is no subscriber, and by the subscriber again after it was lost', async () => {
    await using redis = await RedisProcess.start();
    await loadLibrary(redis);
    await using first = new Party(redis);
    await using second = new Party(redis);
    const claim = first.claim('ns:k');
    await claim.fetch();
    const waiting = second.claim('ns:k');
    const held = await waiting.fetch();
    if (held.kind !== 'held') throw new Error(`it is ${held.kind}`);
    // The first wait opens the subscriber and has the question asked again: what was said before was not heard.
    expect(await waiting.wait(held, 5000)).toEqual({ kind: 'silent' });
    expect(second.leases.signals.listening).toBe(true);
    const woken = waiting.wait(held, 5000);
    await redis.admin().call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    expect(await woken).toEqual({ kind: 'silent' });
    expect(second.leases.signals.listening).toBe(false);
    await waiting.wait(held, 5000);
    expect(second.leases.signals.listening).toBe(true);
    await redis.kill();
    await until('the subscriber is gone', () => !second.leases.signals.listening);
    expect(await waiting.wait(held, 5000)).toEqual({ kind: 'silent' });
  });

  it('stop waiting with the caller', async () => {
    await using redis = await RedisProcess.start();
    await using party = new Party(redis);
    await until('there is a subscriber', () => party.leases.signals.open());
    const patience = new AbortController();
    const waiting = party.leases.signals.wait('t'.repeat(16), 60_000, patience.signal);
    patience.abort();
    expect(await waiting).toEqual({ kind: 'silent' });
    expect(await party.leases.signals.wait('t'.repeat(16), 60_000, patience.signal)).toEqual({
      kind: 'silent',
    });
  });
});

describe('the name of a lease', () => {
  it('is in the slot of its entry, whatever braces either has', async () => {
    await using redis = await RedisProcess.start({ conf: ['cluster-enabled yes'] });
    const slot = (key: string): Promise<unknown> => redis.admin().call('CLUSTER', 'KEYSLOT', key);
    for (const [namespace, key] of [
      ['ns', 'user:1'],
      ['ns', 'user:{42}:name'],
      ['ns', 'a{b'],
      ['ns', '{x}{y}'],
      ['{app}', 'user:{42}'],
      ['app{1}', 'k'],
    ] as const) {
      const entry = `${namespace}:${key}`;
      expect([entry, await slot(leaseKey(namespace, entry))]).toEqual([entry, await slot(entry)]);
    }
  });

  it('is its own for every key', () => {
    const keys = ['a', 'b', '{a}b', '{a}c', 'a{', 'a}', '{}'];
    expect(new Set(keys.map((key) => leaseKey('ns', `ns:${key}`))).size).toBe(keys.length);
    expect(leaseKey('ns', 'ns:k')).toBe('ns:~lease:{ns:k}');
    expect(leaseKey('ns', 'ns:{a}b')).toBe('ns:~lease:{a}:{a}b');
    expect(hashTagOf('a{}b')).toBe('a{}b');
  });
});
