/**
 * Cold keys on servers without the library: every key is stored, with few commands, at any distance and for any user.
 * The tests count commands and measure no time.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Cache, type CacheEvent, type RedisCacheOptions, redisCache } from '../../../client/index.ts';
import { startDelayRelay } from '../../support/delay-relay.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import type { Relay } from '../../support/relay-server.ts';
import { classifyStoredValue, recordCommands } from './lease-party.ts';

const KEYS = 400;
let redis: RedisProcess;
/** A relay to the same server that adds a round trip of 20 ms. */
let distant: Relay;
beforeAll(async () => {
  redis = await RedisProcess.start();
  distant = await startDelayRelay(redis.address, 10);
});
afterAll(async () => {
  await distant[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

async function open(options: RedisCacheOptions = {}): Promise<Cache> {
  // These tests count commands: a busy machine must not cause a lease renewal or a load without Redis.
  const compute = { leaseMs: 60_000, replyTimeoutMs: 5000 };
  const limits = { ...PATIENT_LIMITS, compute };
  const cache = redisCache({ address: distant.address, namespace: 'cold', ...limits, ...options });
  onTestFinished(async () => {
    await cache.close();
  });
  await cache.ping();
  return cache;
}

/**
 * Loads the given number of keys concurrently, and returns the commands that were sent until all of them were stored.
 */
async function load(cache: Cache, keys: number): Promise<readonly string[]> {
  const names = Array.from({ length: keys }, (_, i) => `k${i}`);
  const sent = await recordCommands(redis.admin(), async () => {
    const values = await Promise.all(names.map((name) => cache.getOrCompute(name, () => `v ${name}`)));
    expect(values).toEqual(names.map((name) => `v ${name}`));
    await waitUntil(`${keys} keys are stored`, () => cache.stats().writes === keys);
    // Notifications to waiters are sent after the writes that they report; the PING follows them.
    await cache.connection?.call('PING');
  });
  const states = await Promise.all(names.map((name) => classifyStoredValue(redis, `cold:${name}`)));
  expect(states).toEqual(names.map(() => 'entry'));
  return sent;
}

async function allow(
  user: string,
  ...rules: readonly string[]
): Promise<{ username: string; password: string }> {
  await redis.admin().call('ACL', 'SETUSER', user, 'reset', 'on', `>${user}`, ...rules);
  return { username: user, password: user };
}

const withoutScripting = ['~*', '&*', '+@all', '-@scripting'];

describe('400 cold keys at once, on a server 20 ms away that does not have the library', () => {
  it.each([
    { user: 'the default user', by: 'FCALL', perMiss: 2 },
    {
      user: 'a user without rights to channels',
      rules: ['~*', 'resetchannels', '+@all'],
      by: 'FCALL',
      perMiss: 2,
    },
    {
      user: 'a user who may load no functions',
      rules: ['~*', '&*', '+@all', '-function|load'],
      by: 'EVALSHA',
      perMiss: 2,
    },
    {
      user: 'a user who may call no functions',
      rules: ['~*', '&*', '+@all', '-fcall'],
      by: 'EVALSHA',
      perMiss: 2,
    },
    {
      user: 'a user who may only load scripts',
      rules: ['~*', '&*', '+@all', '-fcall', '-eval'],
      by: 'EVALSHA',
      perMiss: 2,
    },
    { user: 'a user without scripting', rules: withoutScripting, by: 'SET', perMiss: 5 },
    {
      user: 'a user without scripting and channels',
      rules: [...withoutScripting, 'resetchannels'],
      by: 'SET',
      perMiss: 5,
    },
    {
      user: 'a user with only the basic commands',
      rules: ['~*', '-@all', '+get', '+getrange', '+set', '+unlink', '+ping'],
      by: 'SET',
      perMiss: 4,
    },
  ])('are all stored for $user, by $by: $perMiss commands each', async ({ rules, by, perMiss }) => {
    await redis.admin().flushall();
    await redis.admin().call('FUNCTION', 'FLUSH');
    await redis.admin().script('FLUSH');
    const cache = await open(rules && (await allow('limited', ...rules)));
    const events: CacheEvent[] = [];
    cache.on((event) => events.push(event));
    const sent = await load(cache, KEYS);
    const counts = new Map<string, number>();
    for (const name of sent) counts.set(name, (counts.get(name) ?? 0) + 1);
    const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
    expect([most?.[0], events]).toEqual([by, []]);
    // The other commands detect the mode, or are sent once for many keys.
    const extra = sent.length - perMiss * KEYS;
    expect([Object.fromEntries(counts), extra <= 30]).toEqual([Object.fromEntries(counts), true]);
    expect(cache.stats()).toMatchObject({ writes: KEYS, loads: KEYS, refusals: 0 });
  });
});

describe('50 cold keys at once, on a server 200 ms away that does not have the library', () => {
  it('are all stored by a client that has just connected', async () => {
    await redis.admin().flushall();
    await redis.admin().call('FUNCTION', 'FLUSH');
    await using remote = await startDelayRelay(redis.address, 100);
    const cache = await open({ address: remote.address });
    await load(cache, 50);
    expect(cache.stats()).toMatchObject({ writes: 50, loads: 50 });
  });
});
