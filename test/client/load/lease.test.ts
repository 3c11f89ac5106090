import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../../client/codec/envelope.ts';
import { encodePlaceholder, tokenOf } from '../../../client/codec/placeholder.ts';
import type { LeaseHandle } from '../../../client/load/lease.ts';
import { hashTagOf, leaseKey } from '../../../client/load/lease-key.ts';
import { type HeldByOther, headOf } from '../../../client/load/lease-state.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { LeaseParty, loadLibrary, recordCommands, SCRIPTING } from './lease-party.ts';

const payload = encodeEnvelope({ answer: 42 });
const stale = encodeEnvelope('stale');
const LEASE = leaseKey('ns', 'ns:k');
const WAYS = Object.keys(SCRIPTING) as (keyof typeof SCRIPTING)[];

describe.each(WAYS)('leases by %s', (way) => {
  let redis: RedisProcess;
  let first: LeaseParty;
  let second: LeaseParty;

  beforeAll(async () => {
    redis = await RedisProcess.start();
  });
  beforeEach(async () => {
    await redis.admin().flushdb();
    first = new LeaseParty(redis, { way });
    second = new LeaseParty(redis, { way });
    await Promise.all([first.remote.ping(), second.remote.ping()]);
  });
  afterEach(async () => {
    expect(first.remote.procedures.mode ?? way).toBe(way);
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  const mine = async (party: LeaseParty): Promise<LeaseHandle> => {
    const handle = party.handleOf('ns:k');
    expect(await handle.fetch()).toEqual({ kind: 'mine' });
    return handle;
  };
  /** Acquires the lease for replacing an existing entry. */
  const replacing = async (party: LeaseParty): Promise<LeaseHandle> => {
    const handle = party.handleOf('ns:k');
    expect(await handle.take(false)).toEqual({ kind: 'mine', head: headOf(stale) });
    return handle;
  };

  it('are granted to one caller for an absent entry, and another caller receives only their token', async () => {
    await mine(first);
    const held = await second.handleOf('ns:k').fetch();
    expect(held).toMatchObject({ kind: 'held', token: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect((held as { leftMs: number }).leftMs).toBeGreaterThan(1000);
    expect(await second.handleOf('ns:k').take(true)).toMatchObject({ kind: 'held' });
  });

  it('are stored in the key of an absent entry, and are misses for readers', async () => {
    await mine(first);
    const decoded = decodeEnvelope((await redis.admin().getBuffer('ns:k')) as Buffer);
    expect(decoded).toMatchObject({ ok: true, value: undefined, freshness: { freshUntilMs: 0 } });
    // A waiter marks the lease as awaited, which does not change what a reader decodes.
    await second.handleOf('ns:k').fetch();
    expect(decodeEnvelope((await redis.admin().getBuffer('ns:k')) as Buffer)).toEqual(decoded);
    expect(await redis.admin().keys('*')).toEqual(['ns:k']);
  });

  it('are not granted if the entry has a value, which is returned instead', async () => {
    await (await mine(first)).store(payload, 60_000);
    expect(await second.handleOf('ns:k').fetch()).toEqual({ kind: 'value', payload });
    const ttlMs = await redis.admin().pttl('ns:k');
    expect(ttlMs).toBeGreaterThan(59_000);
    expect(ttlMs).toBeLessThanOrEqual(60_000);
  });

  it('store a value without expiry if no TTL is requested', async () => {
    expect(await (await mine(first)).store(payload, null)).toBe(true);
    expect(await redis.admin().pttl('ns:k')).toBe(-1);
  });

  it('are recognized as leases of the same client if the first reply was lost', async () => {
    const handle = await mine(first);
    expect(await handle.fetch()).toEqual({ kind: 'mine' });
    await redis.admin().set('ns:k', stale);
    const again = await replacing(first);
    expect(await again.take(false)).toEqual({ kind: 'mine', head: headOf(stale) });
  });

  it.each([
    ['deleted', () => redis.admin().unlink('ns:k')],
    ['flushed', () => redis.admin().flushdb()],
    ['overwritten', () => redis.admin().set('ns:k', 'newer')],
    ['overwritten by an expired value', () => overwriteForAMoment()],
    ['taken over', () => takeOver()],
  ])('store nothing after the entry is %s', async (_, change) => {
    for (const take of [mine, replacing]) {
      await redis.admin().flushdb();
      if (take === replacing) await redis.admin().set('ns:k', stale, 'PX', 60_000);
      const handle = await take(first);
      await change();
      const before = await redis.admin().getBuffer('ns:k');
      expect(await handle.store(payload, 60_000)).toBe(false);
      expect(await redis.admin().getBuffer('ns:k')).toEqual(before);
    }
  });
  const overwriteForAMoment = async (): Promise<void> => {
    await redis.admin().set('ns:k', 'newer', 'PX', 1);
    await waitUntil('the value expires', async () => (await redis.admin().exists('ns:k')) === 0);
  };
  const takeOver = async (): Promise<void> => {
    if ((await redis.admin().unlink(LEASE)) === 0) await redis.admin().unlink('ns:k');
    expect(await second.handleOf('ns:k').take(false)).toMatchObject({ kind: 'mine' });
  };

  it('are released only by the client that holds them', async () => {
    const slow = await mine(first);
    await redis.admin().unlink('ns:k');
    const quick = await mine(second);
    await slow.release('failed');
    expect(tokenOf((await redis.admin().getBuffer('ns:k')) as Buffer)).toBeDefined();
    await quick.release('nothing');
    expect(await redis.admin().exists('ns:k')).toBe(0);
  });

  it('are released after a failed command if the server runs procedures, and expire otherwise', async () => {
    const remaining = way === 'commands' ? 1 : 0;
    await (await mine(first)).giveUp();
    expect(await redis.admin().exists('ns:k')).toBe(remaining);
    await redis.admin().set('ns:k', stale);
    await (await replacing(first)).giveUp();
    expect(await redis.admin().exists(LEASE)).toBe(remaining);
    expect(await redis.admin().getBuffer('ns:k')).toEqual(Buffer.from(stale));
    await first.handleOf('ns:k').giveUp();
  });

  it('are released past an open breaker if the server runs procedures, and expire otherwise', async () => {
    // The lease does not expire while the test waits for its release.
    await using party = new LeaseParty(redis, { way, leaseMs: 3_600_000 });
    const handle = await mine(party);
    while (party.breaker.permit() === 'pass') party.breaker.failure('pass', 'test');
    await expect(handle.release('again')).rejects.toThrow('the circuit breaker is open');
    const exists = () => redis.admin().exists('ns:k');
    if (way === 'commands') expect(await exists()).toBe(1);
    else await waitUntil('the lease to be released', async () => (await exists()) === 0);
  });

  it('use a separate lease key while the stale value that was read is being replaced', async () => {
    await redis.admin().set('ns:k', stale);
    const handle = await replacing(first);
    expect(await second.handleOf('ns:k').take(false)).toMatchObject({ kind: 'held' });
    expect(await redis.admin().exists(LEASE)).toBe(1);
    expect(await handle.store(payload, 60_000)).toBe(true);
    expect(await redis.admin().getBuffer('ns:k')).toEqual(payload);
    expect(await redis.admin().exists(LEASE)).toBe(0);
  });

  it('are granted as for an absent entry if the entry was removed after it was read', async () => {
    const handle = first.handleOf('ns:k');
    expect(await handle.take(true)).toEqual({ kind: 'mine' });
    expect(await handle.store(payload, 60_000)).toBe(true);
  });

  it('notify waiters of a value, of a negative result and of a failed load', async () => {
    await second.leases.signals.open();
    for (const begin of [mine, replacing]) {
      for (const [end, outcomes] of [
        [(handle: LeaseHandle) => handle.store(payload, 60_000), ['v', 's']],
        [(handle: LeaseHandle) => handle.release('nothing'), ['n']],
        [(handle: LeaseHandle) => handle.release('failed'), ['f']],
      ] as const) {
        await redis.admin().flushdb();
        if (begin === replacing) await redis.admin().set('ns:k', stale);
        const handle = await begin(first);
        const waiting = second.handleOf('ns:k');
        const held = await waiting.take(true);
        if (held.kind !== 'held') throw new Error(`the lease must be held, but is ${held.kind}`);
        const woken = waiting.wait(held, 5000);
        await end(handle);
        const wake = await woken;
        expect(wake).toMatchObject({
          kind: 'told',
          outcome: expect.stringMatching(`^[${outcomes.join('')}]$`),
        });
        if (wake.kind === 'told' && wake.outcome === 'v') expect(wake.payload).toEqual(payload);
      }
    }
  });

  it('notify a waiter even if the notification overtakes the reply that names the lease', async () => {
    const { signals, channel } = second.leases;
    await signals.open();
    const holder = await mine(first);
    const waiting = second.handleOf('ns:k');
    const held = (await waiting.fetch()) as HeldByOther;
    const marker = 'm'.repeat(16);
    const received = signals.wait(marker, 60_000, 0);
    await holder.release('nothing');
    // This message is published last: when it arrives, the notification for the lease has already arrived.
    await redis.admin().publish(channel, `${marker}s`);
    expect(await received).toMatchObject({ kind: 'told' });
    expect(await waiting.wait(held, 60_000)).toMatchObject({ kind: 'told', outcome: 'n' });
    // A notification ends only a wait that began before the notification arrived.
    expect(await waiting.fetch()).toEqual({ kind: 'mine' });
    const later = signals.wait(held.token, 50, performance.now());
    expect(await later).toEqual({ kind: 'silent' });
  });

  it('ignore notifications for other leases, and end the wait when the awaited lease expires', async () => {
    await second.leases.signals.open();
    await mine(first);
    const waiting = second.handleOf('ns:k');
    await redis.admin().pexpire('ns:k', 60);
    const held = await waiting.fetch();
    if (held.kind !== 'held') throw new Error(`the lease must be held, but is ${held.kind}`);
    await redis.admin().publish('ns:~ready', `${'0'.repeat(16)}f`);
    expect(await waiting.wait(held, way === 'commands' ? 60 : 5000)).toEqual({ kind: 'silent' });
  });

  it('are renewed until the value is stored, but not after another process has taken them over', async () => {
    await using short = new LeaseParty(redis, { leaseMs: 1_200, way });
    for (const begin of [mine, replacing]) {
      await redis.admin().flushdb();
      // The stale entry would expire before the load ends.
      if (begin === replacing)
        await redis.admin().set('ns:k', stale, 'PX', way === 'commands' ? 10_000 : 1_800);
      const handle = await begin(short);
      const startedAt = Date.now();
      await waitUntil('two leases have passed', () => Date.now() - startedAt > 2_600);
      expect(await handle.store(payload, 60_000)).toBe(true);
    }
    await redis.admin().flushdb();
    await mine(short);
    await redis.admin().set('ns:k', encodePlaceholder('f'.repeat(16)), 'PX', 1_000);
    await waitUntil('the other lease expires', async () => (await redis.admin().exists('ns:k')) === 0);
  });

  it('are taken over after the process that holds them exits', async () => {
    const dead = new LeaseParty(redis, { leaseMs: 100, way });
    await dead.handleOf('ns:k').fetch();
    await dead[Symbol.asyncDispose]();
    const waiting = second.handleOf('ns:k');
    const held = await waiting.fetch();
    expect(held.kind).toBe('held');
    await waitUntil('the lease is free', async () => (await waiting.fetch()).kind === 'mine', 1_900);
  });

  it('purge an entry only if it still has the value that was read', async () => {
    await redis.admin().set('ns:k', 'poison');
    expect(await first.remote.purge('ns:k', Buffer.from('other'))).toBe(false);
    expect(await first.remote.purge('ns:k', Buffer.from('poison'))).toBe(true);
    expect(await first.remote.purge('ns:k', Buffer.from('poison'))).toBe(false);
  });

  it('change the expiry of an entry only if it still has the value that was read', async () => {
    const { remote } = first;
    await redis.admin().set('ns:k', payload);
    expect(await remote.update('ns:k', stale, 60_000, undefined)).toBe(false);
    expect(await remote.update('ns:k', payload, 60_000, undefined)).toBe(true);
    expect(await redis.admin().pttl('ns:k')).toBeGreaterThan(59_000);
    expect(await remote.update('ns:k', payload, null, undefined)).toBe(true);
    expect(await redis.admin().pttl('ns:k')).toBe(-1);
    expect(await remote.update('ns:k', payload, 60_000, stale)).toBe(true);
    expect(await redis.admin().getBuffer('ns:k')).toEqual(stale);
    expect(await remote.update('ns:k', stale, null, payload)).toBe(true);
    expect(await redis.admin().pttl('ns:k')).toBe(-1);
  });

  it('need a fixed number of commands', async () => {
    const procedure = { functions: 'FCALL', scripts: 'EVALSHA', commands: '' }[way];
    const transaction = (looks: string, writes: string): string[] =>
      `WATCH ${looks} MULTI ${writes} EXEC`.split(' ');
    const expected =
      way === 'commands'
        ? {
            hit: ['GET'],
            cold: ['GET', 'SET', ...transaction('GETRANGE', 'SET'), 'PUBLISH'],
            failed: ['GET', 'SET', ...transaction('GETRANGE', 'UNLINK'), 'PUBLISH'],
            replaced: ['GETRANGE', 'SET', ...transaction('GETRANGE GETRANGE', 'SET UNLINK'), 'PUBLISH'],
          }
        : {
            hit: [procedure],
            cold: [procedure, procedure],
            failed: [procedure, procedure],
            replaced: [procedure, procedure],
          };
    // The first calls on a connection detect the available mode, and whether EXEC is allowed.
    const other = first.handleOf('ns:other');
    await other.fetch();
    await other.release('again');
    const sent = (work: () => Promise<unknown>) => recordCommands(redis.admin(), work);
    expect(await sent(async () => (await mine(first)).store(payload, 60_000))).toEqual(expected.cold);
    expect(await sent(() => first.handleOf('ns:k').fetch())).toEqual(expected.hit);
    await redis.admin().flushdb();
    expect(await sent(async () => (await mine(first)).release('failed'))).toEqual(expected.failed);
    await redis.admin().set('ns:k', stale);
    expect(await sent(async () => (await replacing(first)).store(payload, 60_000))).toEqual(
      expected.replaced,
    );
  });
});

describe('leases', () => {
  it('reopen a lost subscriber, and end a wait without a notification while there is no subscriber', async () => {
    await using redis = await RedisProcess.start();
    await loadLibrary(redis);
    await using first = new LeaseParty(redis);
    await using second = new LeaseParty(redis);
    const handle = first.handleOf('ns:k');
    await handle.fetch();
    const waiting = second.handleOf('ns:k');
    const held = await waiting.fetch();
    if (held.kind !== 'held') throw new Error(`the lease must be held, but is ${held.kind}`);
    // The first wait opens the subscriber and ends at once, because earlier notifications may have been missed.
    expect(await waiting.wait(held, 5000)).toEqual({ kind: 'silent' });
    expect(second.leases.signals.listening).toBe(true);
    const woken = waiting.wait(held, 5000);
    await redis.admin().call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    expect(await woken).toEqual({ kind: 'silent' });
    expect(second.leases.signals.listening).toBe(false);
    await waiting.wait(held, 5000);
    expect(second.leases.signals.listening).toBe(true);
    await redis.kill();
    await waitUntil('the subscriber has disconnected', () => !second.leases.signals.listening);
    expect(await waiting.wait(held, 5000)).toEqual({ kind: 'silent' });
  });

  it('end a wait when the caller aborts it', async () => {
    await using redis = await RedisProcess.start();
    await using party = new LeaseParty(redis);
    await waitUntil('there is a subscriber', () => party.leases.signals.open());
    const abort = new AbortController();
    const waiting = party.leases.signals.wait('t'.repeat(16), 60_000, 0, abort.signal);
    abort.abort();
    expect(await waiting).toEqual({ kind: 'silent' });
    expect(await party.leases.signals.wait('t'.repeat(16), 60_000, 0, abort.signal)).toEqual({
      kind: 'silent',
    });
  });
});

describe('the name of a lease', () => {
  it('is in the slot of its entry, even if the namespace or the key contains braces', async () => {
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

  it('is unique per key', () => {
    const keys = ['a', 'b', '{a}b', '{a}c', 'a{', 'a}', '{}'];
    expect(new Set(keys.map((key) => leaseKey('ns', `ns:${key}`))).size).toBe(keys.length);
    expect(leaseKey('ns', 'ns:k')).toBe('ns:~lease:{ns:k}');
    expect(leaseKey('ns', 'ns:{a}b')).toBe('ns:~lease:{a}:{a}b');
    expect(hashTagOf('a{}b')).toBe('a{}b');
  });
});
