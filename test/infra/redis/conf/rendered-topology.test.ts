/** The rendered files with a real redis-server: start, replication, failover, and the denied commands of each user. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodePlaceholder } from '../../../../client/codec/placeholder.ts';
import { loadEnvironment } from '../../../../config/load.ts';
import { LOADER, loaderPassword } from '../../../../infra/redis/conf/acl.ts';
import { functionLibrary } from '../../../../infra/redis/functions.ts';
import { type ConfTopology, startConfTopology, waitUntil } from './conf-topology.ts';

const REFUSED: readonly (readonly [string, ...string[]])[] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['KEYS', '*'],
  ['EVAL', 'return 1', '0'],
  ['EVALSHA', '0'.repeat(40), '0'],
  ['SCRIPT', 'FLUSH'],
  ['FUNCTION', 'LOAD', '#!lua name=x'],
  ['FUNCTION', 'FLUSH'],
  ['CONFIG', 'GET', 'masterauth'],
  ['CONFIG', 'SET', 'maxmemory', '1'],
  ['DEBUG', 'SLEEP', '0'],
  ['SHUTDOWN'],
  ['REPLICAOF', 'NO', 'ONE'],
  ['ACL', 'LIST'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['CLIENT', 'LIST'],
  ['MONITOR'],
  ['SWAPDB', '0', '1'],
  ['MIGRATE', 'h', '1', 'k', '0', '1'],
  ['RESTORE', 'k', '0', 'x'],
  ['PUBLISH', '__sentinel__:hello', 'x'],
];

const ALLOWED: readonly (readonly [string, ...string[]])[] = [
  ['PING'],
  ['INFO'],
  ['ROLE'],
  ['SELECT', '2'],
  ['SELECT', '0'],
  ['SET', 'k', 'v', 'EX', '60'],
  ['GETEX', 'k', 'EX', '60'],
  ['MGET', 'k', 'l'],
  ['INCR', 'n'],
  ['APPEND', 'a', 'x'],
  ['PTTL', 'k'],
  ['SCAN', '0', 'COUNT', '10'],
  ['WAIT', '1', '1000'],
  ['MULTI'],
  ['UNLINK', 'k', 'n', 'a'],
  ['EXEC'],
  ['CLIENT', 'SETNAME', 'app'],
  ['CLIENT', 'ID'],
  ['CLIENT', 'TRACKING', 'OFF'],
  ['OBJECT', 'ENCODING', 'k'],
  ['MEMORY', 'USAGE', 'k'],
];

describe.each(['dev', 'production'])('the rendered files of %s', (name) => {
  let topology: ConfTopology;

  beforeAll(async () => {
    topology = await startConfTopology(
      loadEnvironment(
        name,
        { 'sentinel.downAfterMs': 3000, 'sentinel.failoverTimeoutMs': 5000, 'redis.maxmemory': '64mb' },
        new Map(),
      ),
    );
  });
  afterAll(async () => await topology[Symbol.asyncDispose]());

  it('cause a write to be replicated to both replicas, under the announced addresses', async () => {
    await topology.connect('redis-1', 'app').set('greeting', 'hello');
    for (const id of ['redis-2', 'redis-3']) {
      const replica = topology.connect(id, 'app');
      await waitUntil(`the write on ${id}`, async () => (await replica.get('greeting')) === 'hello');
      expect(await topology.connect('redis-1', 'admin').info('replication')).toContain(
        `ip=${topology.address(id).host},`,
      );
    }
  });

  it('allow the app user the commands of a cache', async () => {
    const app = topology.connect('redis-1', 'app');
    for (const [command, ...args] of ALLOWED)
      await expect(app.call(command, ...args), command).resolves.not.toThrow();
  });

  it('allow the loader only to load the function library, and the app user to call its functions', async () => {
    const loader = topology.connect('redis-1', LOADER, {
      password: loaderPassword(topology.secrets).reveal(),
    });
    expect(await loader.call('FUNCTION', 'LOAD', 'REPLACE', functionLibrary())).toBe('redis_cache_kit_2');
    for (const [command, ...args] of [
      ['GET', 'k'],
      ['FUNCTION', 'LIST'],
      ['FCALL', 'rck2_renew', '0'],
      ['INFO'],
    ] as const)
      await expect(loader.call(command, ...args), command).rejects.toThrow(/NOPERM/);
    const app = topology.connect('redis-1', 'app');
    const [entry, token] = ['cache:k', 'f'.repeat(16)];
    const fetch = (who: string) => app.fcall('rck2_fetch', 1, entry, encodePlaceholder(who), 60_000);
    expect(await fetch(token)).toBeNull();
    expect(await fetch('0'.repeat(16))).toHaveLength(2);
    expect(await app.fcall('rck2_store', 1, entry, token, 'v', 1000, '', 'cache:~ready')).toBe(1);
    await waitUntil('a replica has the library', async () => {
      const list = await topology.connect('redis-2', 'admin').call('FUNCTION', 'LIST');
      return JSON.stringify(list).includes('redis_cache_kit');
    });
  });

  it.each(REFUSED)('deny the app user %s', async (command, ...args) => {
    const app = topology.connect('redis-1', 'app');
    await expect(app.call(command, ...args)).rejects.toThrow(/NOPERM|DEBUG command not allowed/);
  });

  it('admit only the health probe without a password, which may only send PING', async () => {
    const stranger = topology.connect('redis-1', 'default');
    await expect(stranger.ping()).rejects.toThrow(/NOAUTH|WRONGPASS/);
    const probe = topology.connect('redis-1', 'health', { password: 'any' });
    expect(await probe.ping()).toBe('PONG');
    await expect(probe.get('greeting')).rejects.toThrow(/NOPERM/);
  });

  it('allow the exporter to read metrics, but no secrets', async () => {
    const exporter = topology.connect('redis-1', 'exporter');
    expect(await exporter.info()).toContain('used_memory');
    await expect(exporter.latency('LATEST')).resolves.toBeDefined();
    await expect(exporter.config('GET', 'masterauth')).rejects.toThrow(/NOPERM/);
    await expect(exporter.get('greeting')).rejects.toThrow(/NOPERM/);
  });

  it('allow the app user of a sentinel to find and follow the master, but not to change anything', async () => {
    const app = topology.connect('sentinel-1', 'app');
    expect(await app.call('SENTINEL', 'get-master-addr-by-name', 'mymaster')).toEqual([
      topology.address('redis-1').host,
      '6379',
    ]);
    await app.subscribe('+switch-master');
    const other = topology.connect('sentinel-1', 'app');
    for (const args of [
      ['FAILOVER', 'mymaster'],
      ['REMOVE', 'mymaster'],
      ['SET', 'mymaster', 'quorum', '1'],
      ['RESET', '*'],
    ]) {
      await expect(other.call('SENTINEL', ...args), args.join(' ')).rejects.toThrow(/NOPERM/);
    }
  });

  it('lead to a failover when the master fails, and let ioredis find the new master without warnings', async () => {
    for (const id of ['sentinel-1', 'sentinel-2', 'sentinel-3']) {
      const sentinel = topology.connect(id, 'admin');
      await waitUntil(`${id} sees two sentinels and two replicas`, async () => {
        const reply = (await sentinel.call('SENTINEL', 'MASTER', 'mymaster')) as string[];
        const field = (key: string) => reply[reply.indexOf(key) + 1];
        return field('num-other-sentinels') === '2' && field('num-slaves') === '2';
      });
    }
    const warned = vi.spyOn(console, 'warn');
    await waitUntil('a stock client writes', () => writeAsStock(topology, 'before'));
    topology.kill('redis-1');
    const elected = await waitUntil(
      'another master',
      async () => {
        const reply = await topology
          .connect('sentinel-2', 'app')
          .call('SENTINEL', 'get-master-addr-by-name', 'mymaster');
        const [host] = reply as string[];
        return host === topology.address('redis-1').host ? undefined : host;
      },
      90_000,
    );
    const [id, other] =
      elected === topology.address('redis-2').host
        ? (['redis-2', 'redis-3'] as const)
        : (['redis-3', 'redis-2'] as const);
    await waitUntil('a stock client writes to the new master', () => writeAsStock(topology, 'after'));
    // A sentinel whose first attempt failed tries again after the failover timeout.
    await waitUntil(
      'the other replica follows the new master',
      async () =>
        (await topology.connect(other, 'admin').info('replication')).includes(`master_host:${elected}`),
      90_000,
    );
    expect(await topology.connect(id, 'app').get('before')).toBe('1');
    await waitUntil('the promotion is in the file', async () => !topology.conf(id).match(/^replicaof/m));
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
    await expectNothingRefused(topology, [id, other, 'sentinel-1', 'sentinel-2', 'sentinel-3']);
  });
});

/**
 * Writes once with a newly created, unmodified ioredis client, because the test checks that the permissions of the app
 * users are sufficient for such a client. A client that stays open across the failover may stop permanently if the
 * switch happens between two sockets (redis/ioredis#1683).
 */
async function writeAsStock(topology: ConfTopology, key: string): Promise<string> {
  const client = new Redis({
    sentinels: ['sentinel-1', 'sentinel-2', 'sentinel-3'].map((id) => topology.address(id)),
    name: 'mymaster',
    username: 'app',
    password: topology.secrets.redis.app.reveal(),
    sentinelUsername: 'app',
    sentinelPassword: topology.secrets.sentinel.app.reveal(),
    ...(topology.tls === undefined
      ? {}
      : { tls: topology.tls, sentinelTLS: topology.tls, enableTLSForSentinelMode: true }),
    commandTimeout: 2000,
  });
  client.on('error', () => undefined);
  try {
    return await client.set(key, '1');
  } finally {
    client.disconnect();
  }
}

/**
 * ACL LOG lists every refused command. The replication, sentinel and peer users must have all permissions that they
 * need.
 */
async function expectNothingRefused(topology: ConfTopology, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const probe = topology.connect(id, 'health', { password: 'any' });
    await expect(probe.call('ACL', 'WHOAMI')).rejects.toThrow(/NOPERM/);
    const entries = (await topology.connect(id, 'admin').call('ACL', 'LOG')) as string[][];
    expect(entries.flat(), 'ACL LOG lists refused commands').toContain('health');
    const refused = entries
      .map((entry) => ({
        user: entry[entry.indexOf('username') + 1] ?? '',
        object: entry[entry.indexOf('object') + 1],
      }))
      .filter((entry) => ['replication', 'sentinel', 'peer'].includes(entry.user));
    expect(refused, id).toEqual([]);
  }
}
