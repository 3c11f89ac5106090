/**
 * Commands are denied one at a time, by ACL and by `rename-command`. For each denied command, the client behaves as the
 * README documents.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CacheAnalytics } from '../../client/extras/analytics/index.ts';
import { healthCheck } from '../../client/extras/health.ts';
import { SharedStatistics } from '../../client/extras/shared-statistics.ts';
import {
  type Cache,
  CommandError,
  connect,
  DurabilityError,
  NotSentError,
  redisCache,
  type TieredCacheOptions,
  tieredCache,
} from '../../client/index.ts';
import { parseReplication } from '../../client/transport/link.ts';
import { isUnavailable } from '../../client/transport/reply-error.ts';
import { monitorCommands } from '../support/monitor.ts';
import { RedisProcess, waitUntil } from '../support/redis-process.ts';
import { SCRIPTING } from './load/lease-party.ts';

const host = '127.61.0.11';
const login = { username: 'app', password: 'pw' };
const PLAIN = { scripting: { loadFunctions: false, evalScripts: false } };

/** Operations by name, each with its result or the error that it threw. */
type Outcomes = ReadonlyMap<string, unknown>;

async function outcomesOf(cache: Cache): Promise<Outcomes> {
  const outcomes = new Map<string, unknown>();
  const run = async (name: string, operation: () => Promise<unknown>): Promise<void> => {
    outcomes.set(name, await operation().catch((error: unknown) => error));
  };
  const loaded = (keys: readonly string[]) => new Map(keys.map((key) => [key, 'loaded']));
  const statistics = new SharedStatistics(cache);
  await run('set', () => cache.set('k', 'v', { ttlSeconds: 100 }));
  await run('setMany', () => cache.setMany(new Map(Object.entries({ m1: 1, m2: 2, e: 3 }))));
  await run('get', () => cache.getEntry('k'));
  await run('gets', () => Promise.all(['k', 'm1', 'm2'].map((key) => cache.get(key))));
  await run('getMany', async () => [...(await cache.getMany(['m1', 'm2', 'absent'])).values()]);
  await run('getOrCompute, absent', () => cache.getOrCompute('c', () => 'loaded'));
  await run('getOrCompute, there', () => cache.getOrCompute('m1', () => 'loaded'));
  await run('getOrComputeMany', async () => [
    ...(await cache.getOrComputeMany(['m2', 'n'], loaded)).values(),
  ]);
  await run('ttl', async () => Math.ceil((await cache.ttl('k')) ?? 0));
  await run('getWithTtl', async () => (await cache.getWithTtl('k'))?.value);
  await run('exists', () => cache.exists('k', 'm1', 'absent'));
  await run('expire', () => cache.expire('k', 50));
  await run('persist', () => cache.expire('e', null));
  await run('setIfAbsent, absent', () => cache.setIfAbsent('new', 1));
  await run('setIfAbsent, there', () => cache.setIfAbsent('k', 1));
  await run('set with tags', async () => (await cache.set('tagged', 1, { tags: ['t'] })).source);
  await run('get with tags', () => cache.get('tagged'));
  await run('invalidateTags', async () => (await cache.invalidateTags('t')).outcome);
  await run('get after invalidateTags', () => cache.get('tagged'));
  await run('durable set', () => cache.set('d', 1, { durability: { replicas: 1, timeoutMs: 20 } }));
  await run('delete', () => cache.delete('m1', 'm2'));
  await run('get after delete', () => cache.get('m1'));
  await run('pattern', async () => (await cache.invalidation.pattern('k*')).deleted);
  await run('clear', async () => (await cache.clear()) > 0);
  await run('ping', async () => (await cache.ping()) > 0);
  await run('health', async () => (await healthCheck(cache)).status);
  await run('statistics', () => statistics.close());
  await run('analytics', async () => {
    const analytics = new CacheAnalytics(cache);
    await analytics.sample();
    analytics.close();
  });
  return outcomes;
}

/** Results when all commands are allowed. The master has no replica, so a durable write fails. */
const RIGHT: Readonly<Record<string, unknown>> = {
  set: { source: 'redis' },
  setMany: { source: 'redis' },
  get: { value: 'v', source: 'redis' },
  gets: ['v', 1, 2],
  getMany: [1, 2],
  'getOrCompute, absent': 'loaded',
  'getOrCompute, there': 1,
  getOrComputeMany: [2, 'loaded'],
  ttl: 100,
  getWithTtl: 'v',
  exists: 2,
  expire: true,
  persist: true,
  'setIfAbsent, absent': true,
  'setIfAbsent, there': false,
  'set with tags': 'redis',
  'get with tags': 1,
  invalidateTags: 'applied',
  'get after invalidateTags': undefined,
  'durable set': expect.any(DurabilityError),
  delete: 2,
  'get after delete': undefined,
  pattern: 1,
  clear: true,
  ping: true,
  health: 'healthy',
  statistics: undefined,
  analytics: undefined,
};

interface Without {
  /** Operations that need the command: each throws a `CommandError` that names the command. */
  readonly fails?: readonly string[];
  /** Operations that the first tier may serve. */
  readonly unsure?: readonly string[];
  /** Operations that return a different result, without an error. */
  readonly differs?: Readonly<Record<string, unknown>>;
  readonly options?: Partial<TieredCacheOptions>;
}

const reads = ['get', 'gets', 'getWithTtl', 'ttl', 'expire', 'persist', 'setIfAbsent, there'];
const values = [
  'set',
  'setMany',
  'setIfAbsent, absent',
  'setIfAbsent, there',
  'set with tags',
  'durable set',
];

/**
 * All commands that a cache outside a cluster uses, each with the operations that fail or return a different result if
 * the command is denied.
 */
const COMMANDS: Readonly<Record<string, Without>> = {
  HELLO: {},
  ROLE: {},
  PING: {},
  CLIENT: {},
  INFO: {},
  MGET: {},
  UNLINK: {},
  GET: {
    fails: [...reads, 'get after invalidateTags', 'get after delete'],
    unsure: ['get with tags'],
  },
  SET: {
    fails: values,
    differs: {
      get: undefined,
      gets: [undefined, undefined, undefined],
      getMany: [],
      'getOrCompute, there': 'loaded',
      getOrComputeMany: ['loaded', 'loaded'],
      ttl: 0,
      getWithTtl: undefined,
      exists: 0,
      expire: false,
      persist: false,
      'get with tags': undefined,
      delete: 0,
      pattern: 0,
      clear: false,
    },
  },
  PTTL: { fails: ['ttl', 'getWithTtl'] },
  SCAN: { fails: ['pattern', 'clear'] },
  WAIT: {},
  SUBSCRIBE: {},
  FCALL: {},
  FUNCTION: {},
  EVAL: { options: { scripting: { loadFunctions: false } } },
  EVALSHA: { options: { scripting: { loadFunctions: false } } },
  SCRIPT: { options: { scripting: { loadFunctions: false } } },
  PUBLISH: { options: PLAIN },
  GETRANGE: { options: PLAIN },
  WATCH: { options: PLAIN },
  UNWATCH: { options: PLAIN },
  MULTI: { options: PLAIN },
  EXEC: { options: PLAIN },
  PEXPIRE: { options: PLAIN },
  PERSIST: { options: PLAIN },
  INCRBY: {},
  DBSIZE: {},
};

type Taken = 'denied by ACL' | 'renamed';

async function serverWithout(command: string, how: Taken, rights = '+@all'): Promise<RedisProcess> {
  const conf = how === 'renamed' ? [`rename-command ${command} hidden_${command}`] : [];
  const redis = await RedisProcess.start({ host, conf });
  onTestFinished(() => redis[Symbol.asyncDispose]());
  const denied = how === 'renamed' ? [] : [`-${command.toLowerCase()}`];
  const { username, password } = login;
  await redis.admin().call('ACL', 'SETUSER', username, 'on', `>${password}`, '~*', '&*', rights, ...denied);
  return redis;
}

const takings: readonly Taken[] = ['denied by ACL', 'renamed'];
const cases = Object.entries(COMMANDS).flatMap(([command, without]) =>
  takings.map((how) => [command, how, without] as const),
);

describe('a cache without one command', () => {
  it.each(cases)(
    'works without %s (%s), or throws an error that names the command',
    async (command, how, without) => {
      const redis = await serverWithout(command, how);
      const cache = tieredCache({
        address: redis.address,
        ...login,
        namespace: 'c',
        // A slow reply on a busy machine must not cause a miss.
        commandTimeoutMs: 5000,
        hangSuspectedMs: 5000,
        ...without.options,
      });
      onTestFinished(async () => void (await cache.close()));
      const outcomes = await outcomesOf(cache);
      const { fails = [], unsure = [], differs = {} } = without;
      for (const [name, outcome] of outcomes) {
        if (unsure.includes(name)) continue;
        if (fails.includes(name)) {
          expect(outcome, name).toBeInstanceOf(CommandError);
          expect((outcome as Error).message, name).toMatch(new RegExp(`['\`]${command}['\`]`, 'i'));
        } else expect(outcome, name).toEqual(name in differs ? differs[name] : RIGHT[name]);
      }
      const durable = outcomes.get('durable set') as Error;
      if (!fails.includes('durable set'))
        expect(/WAIT is refused/.test(durable.message), durable.message).toBe(command === 'WAIT');
      expect(cache.connection?.state.kind).toBe('ready');
      expect(cache.stats().breakerTransitions).toBe(0);
    },
  );

  it('sends only the commands in this list, and the README lists all of them', async () => {
    const redis = await serverWithout('debug', 'denied by ACL');
    const admin = `${redis.admin().stream.localAddress}:${redis.admin().stream.localPort}`;
    const sent = new Set<string>();
    const stop = await monitorCommands(redis.address, ({ args, source }) => {
      // The server itself runs the commands inside a script.
      if (source !== admin && source !== 'lua') sent.add(String(args[0]).toUpperCase());
    });
    const { address } = redis;
    for (const options of [{}, PLAIN, { scripting: { loadFunctions: false } }, { compute: { leaseMs: 0 } }]) {
      const cache = tieredCache({ address, ...login, namespace: 'c', db: 1, ...options });
      await outcomesOf(cache);
      await cache.close();
    }
    await waitUntil('the last command is seen', () => sent.has('INCRBY'));
    stop();
    const known = new Set([...Object.keys(COMMANDS), 'AUTH', 'SELECT']);
    expect([...sent].filter((name) => !known.has(name))).toEqual([]);
    const readme = readFileSync(new URL('../../client/README.md', import.meta.url), 'utf8');
    const table = readme.slice(readme.indexOf('## Required commands'));
    const others = ['DEL', 'ASKING', 'READONLY', 'CLUSTER NODES', 'CLUSTER INFO', 'SENTINEL MASTER'];
    const all = [...known, ...others];
    expect(all.filter((name) => !new RegExp(`\\b${name}\\b`).test(table))).toEqual([]);
  });

  it.each(takings)(
    'reports immediately that SELECT is denied if another database is configured: %s',
    async (how) => {
      const redis = await serverWithout('SELECT', how);
      const cache = tieredCache({ address: redis.address, ...login, db: 1, commandTimeoutMs: 300 });
      onTestFinished(async () => void (await cache.close()));
      await expect(cache.ping()).rejects.toThrowError(NotSentError);
      await expect(cache.ping()).rejects.toThrowError(/['`]select['`]/i);
      expect((await cache.lookup('k')).source).toBe('memory');
      // Even when the breaker is open, the error names the command.
      for (let i = 0; i < 6; i++) await cache.set(`k${i}`, i);
      await expect(cache.setIfAbsent('k', 1)).rejects.toThrowError(/circuit breaker is open \(.*select/i);
    },
  );

  it('without ROLE, the cache reads the role with HELLO, then with INFO', async () => {
    const conf = ['ROLE', 'HELLO'].map((name) => `rename-command ${name} hidden_${name}`);
    await using redis = await RedisProcess.start({ host, conf });
    const connection = connect({ mode: 'standalone', address: redis.address });
    onTestFinished(() => connection.close());
    expect(await connection.call('SET', 'k', 1)).toBe('OK');
    // Even if all three commands are missing, the client uses the only address that it has.
    const none = [...conf, 'rename-command INFO hidden_INFO'];
    await using silent = await RedisProcess.start({ host, conf: none });
    const untold = connect({ mode: 'standalone', address: silent.address });
    onTestFinished(() => untold.close());
    expect(await untold.call('SET', 'k', 1)).toBe('OK');
  });

  it('the role that INFO reports is read like the reply to ROLE', () => {
    expect(
      parseReplication(
        '# Replication\r\nrole:master\r\nconnected_slaves:2\r\nslave0:ip=10.0.0.1,port=6379,state=online,offset=1,lag=0\r\n' +
          'slave1:ip=10.0.0.2,port=6380,state=online,offset=1,lag=0\r\nmaster_repl_offset:1\r\n',
      ),
    ).toEqual({
      kind: 'master',
      replicas: [
        { host: '10.0.0.1', port: 6379 },
        { host: '10.0.0.2', port: 6380 },
      ],
    });
    expect(parseReplication('role:slave\r\nmaster_host:h\r\nmaster_port:7\r\n')).toEqual({
      kind: 'replica',
      of: { host: 'h', port: 7 },
    });
    expect(parseReplication('')).toMatchObject({ kind: 'unready' });
  });
});

describe('a user without permission for one command of a procedure', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await RedisProcess.start({ host });
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  // Without PUBLISH or PTTL, waiters are slower, but nothing fails. The tests above cover the commands of every read
  // and write.
  const commands = [
    'APPEND',
    'DEL',
    'GETRANGE',
    'MGET',
    'MULTI',
    'PERSIST',
    'PEXPIRE',
    'PTTL',
    'PUBLISH',
    'WATCH',
  ];
  const ways = Object.entries(SCRIPTING).flatMap(([way, scripting]) =>
    commands.map((command) => ({ way, scripting, command })),
  );

  it.each(ways)('stores loads and refreshes by $way: $command', async ({ way, scripting, command }) => {
    const name = `${way}-${command}`;
    await redis.admin().call('ACL', 'SETUSER', name, 'on', '>pw', '~*', '&*', '+@all', `-${command}`);
    const cache = redisCache({
      address: redis.address,
      username: name,
      password: 'pw',
      namespace: name,
      scripting,
    });
    onTestFinished(async () => void (await cache.close()));
    await cache.getOrCompute('k', () => 'loaded');
    await waitUntil('the value is stored', async () => (await cache.get('k')) === 'loaded');
    const options = { ttlSeconds: 0.01, staleWhileRevalidateSeconds: 60 };
    await cache.getOrCompute('stale', () => 'old', options);
    await waitUntil('the entry is stale', async () => {
      const entry = await cache.getOrComputeEntry('stale', () => 'new', { ...options, ttlSeconds: 60 });
      return entry.value === 'new';
    });
    await waitUntil('the entry is refreshed', async () => (await cache.get('stale')) === 'new');
    // An entry without freshness: expire changes only its TTL.
    await cache.set('plain', 1, { ttlSeconds: 60 });
    expect([await cache.expire('plain', null), await redis.admin().pttl(`${name}:plain`)]).toEqual([
      true,
      -1,
    ]);
    expect(await cache.expire('plain', 9)).toBe(true);
    expect(await redis.admin().pttl(`${name}:plain`)).toBeGreaterThan(0);
  });
});

describe('a denied command', () => {
  it.each([
    ["NOPERM this user has no permissions to run the 'role' command", true],
    ["NOPERM this user has no permissions to run the 'client' command or its subcommand", true],
    ["NOPERM User app has no permissions to run the 'client|tracking' command", true],
    ["ERR unknown command 'ROLE', with args beginning with: ", true],
    ['ERR unknown command `ROLE`, with args beginning with: ', true],
    ["ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.", true],
    ["ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP.", true],
    ['ERR command is not allowed', true],
    ['ERR unsupported command ROLE', true],
    ["ERR command 'ROLE' not support for normal user", true],
    ["ERR unknown or disabled command 'ROLE'", true],
    ['NOPERM this user has no permissions to access one of the keys used as arguments', false],
    ["NOPERM No permissions to access the 'a' key", false],
    ['NOPERM this user has no permissions to access one of the channels used as arguments', false],
    ["OOM command not allowed when used memory > 'maxmemory'.", false],
    ['MISCONF Redis is configured to save RDB snapshots, but … commands are disabled', false],
    ['ERR value is not an integer or out of range', false],
  ])('is distinguished from other errors: %s', (message, expected) => {
    expect(isUnavailable(new CommandError(message))).toBe(expected);
    expect(isUnavailable(new Error(message))).toBe(false);
  });
});
