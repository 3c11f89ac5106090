import { describe, expect, it } from 'vitest';
import type { CacheOptions, RedisOptions } from '../../../client/api/types.ts';
import { resolveCache } from '../../../client/cache/options.ts';
import {
  ConfigurationError,
  connect,
  memoryCache,
  openCache,
  redisCache,
  sentinelCache,
} from '../../../client/index.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';

const standalone: RedisOptions = { mode: 'standalone', address: { host: '127.0.0.1', port: 1 } };

/** Message of the error that an option causes. */
function complaint(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error('the option was not refused');
}

describe('connection options', () => {
  it('have the documented defaults', () => {
    expect(resolveConnection(standalone)).toMatchObject({
      db: 0,
      connectTimeoutMs: 1000,
      commandTimeoutMs: 1000,
      hangSuspectedMs: 150,
      supervision: true,
    });
    const sentinel = resolveConnection({ mode: 'sentinel', sentinels: [{ host: 's', port: 2 }] });
    expect(sentinel).toMatchObject({
      serviceName: 'mymaster',
      addresses: [{ host: 's', port: 2 }],
      natMap: {},
    });
  });

  it.each<[Partial<RedisOptions>, string | RegExp]>([
    [{ commandTimeoutMs: 5001 }, 'commandTimeoutMs: must be an integer between 1 and 5000, got 5001'],
    [{ connectTimeoutMs: 0 }, /connectTimeoutMs: must .*, got 0/],
    [{ hangSuspectedMs: 1.5 }, /hangSuspectedMs: must .*, got 1\.5/],
    [{ db: -1 }, /db: must .*, got -1/],
    [{ supervision: 'no' as unknown as boolean }, 'supervision: must be true or false, got "no"'],
  ])('are rejected with the invalid value: %o', (bad, expected) => {
    expect(complaint(() => connect({ ...standalone, ...bad } as RedisOptions))).toMatch(expected);
  });

  it('reject an invalid mode, address and list of sentinels', () => {
    expect(complaint(() => connect({ ...standalone, mode: 'pool' } as unknown as RedisOptions))).toContain(
      '"pool"',
    );
    expect(complaint(() => redisCache({ address: { host: '', port: 1 } }))).toMatch(
      /address\.host: must .*, got ""/,
    );
    expect(complaint(() => redisCache({ address: { host: 'h', port: 70_000 } }))).toMatch(
      /address\.port: must .*, got 70000/,
    );
    expect(complaint(() => connect({ mode: 'standalone' } as unknown as RedisOptions))).toMatch(
      /address: must .*, got undefined/,
    );
    expect(complaint(() => sentinelCache({ sentinels: [] }))).toContain('sentinels');
  });
});

describe('addresses', () => {
  const hostOf = (host: string): string =>
    resolveConnection({ mode: 'standalone', address: { host, port: 1 } }).addresses[0]?.host ?? '';

  it('accept an IPv6 address with and without brackets, in every option', () => {
    expect([hostOf('[::1]'), hostOf('::1'), hostOf('[fe80::1%eth0]'), hostOf('redis.internal')]).toEqual([
      '::1',
      '::1',
      'fe80::1%eth0',
      'redis.internal',
    ]);
    const cluster = resolveConnection({
      mode: 'cluster',
      nodes: [{ host: '[::1]', port: 7000 }],
      natMap: { '[2001:db8::1]:7000': { host: '[::1]', port: 7001 } },
    });
    expect(cluster.addresses).toEqual([{ host: '::1', port: 7000 }]);
    expect(cluster.natMap).toEqual({ '2001:db8::1:7000': { host: '::1', port: 7001 } });
  });

  it.each(['localhost:6379', 'redis://h', 'user@h', 'two names', '[::1', '1:2'])(
    'reject an invalid host: %s',
    (host) => {
      expect(complaint(() => redisCache({ address: { host, port: 1 } }))).toBe(
        `address.host: must be a host name or an IP address without a port (option \`port\`), got ${JSON.stringify(host)}`,
      );
    },
  );

  it('reject replica reads without supervision', () => {
    const sentinels = [{ host: 'h', port: 1 }];
    expect(
      complaint(() => connect({ mode: 'sentinel', sentinels, replicaReads: {}, supervision: false })),
    ).toContain('replicaReads: not available with supervision: false');
  });

  it('reject an invalid natMap', () => {
    const nodes = [{ host: 'h', port: 1 }];
    const withMap = (natMap: unknown): string =>
      complaint(() => connect({ mode: 'cluster', nodes, natMap } as RedisOptions));
    expect(withMap({ h: { host: 'x', port: 1 } })).toContain(
      'natMap: keys must be announced addresses \'host:port\', got "h"',
    );
    expect(withMap({ 'h:1': { host: 'x', port: 0 } })).toMatch(/natMap\["h:1"\]\.port: must .*, got 0/);
    expect(withMap([])).toContain('natMap:');
  });
});

describe('cache options', () => {
  it('have the documented defaults', () => {
    expect(resolveCache({})).toMatchObject({
      namespace: 'cache',
      defaultTtlSeconds: 3600,
      breaker: { enabled: true, threshold: 5, openMs: 60_000, probeIntervalMs: 500 },
      fallbackEntries: 1000,
      fallbackBytes: 64 * 1024 * 1024,
      durability: 'async',
      enabled: true,
    });
  });

  it.each<[CacheOptions, string | RegExp]>([
    [{ namespace: '' }, /namespace: must .*, got ""/],
    [{ namespace: 'a:' }, /namespace: must .*, got "a:"/],
    [{ defaultTtlSeconds: -1 }, /defaultTtlSeconds: must .*, got -1/],
    [{ breaker: { openMs: 60_001 } }, /breaker\.openMs: must .*, got 60001/],
    [{ breaker: { threshold: 0 } }, /breaker\.threshold: must .*, got 0/],
    [{ durability: 'wait' as unknown as 'async' }, /durability: must .*, got "wait"/],
    [{ durability: { replicas: 0, timeoutMs: 10 } }, /durability\.replicas: must .*, got 0/],
    [{ fallbackEntries: -1 }, /fallbackEntries: must .*, got -1/],
    [{ fallbackBytes: 0 }, /fallbackBytes: must .*, got 0/],
    [{ l1: { maxBytes: 1.5 } }, /l1\.maxBytes: must .*, got 1\.5/],
    // Values that unchecked JavaScript can pass.
    [{ l1: false as unknown as object }, 'l1: must be an object with options, got false'],
    [{ compute: null as unknown as object }, 'compute: must be an object with options, got null'],
    [{ breaker: 5 as unknown as object }, 'breaker: must be an object with options, got 5'],
    [
      { breaker: { sampling: true as unknown as object } },
      'breaker.sampling: must be an object with options, got true',
    ],
    [{ codecs: {} as unknown as [] }, 'codecs: must be a list, got [object Object]'],
    [{ l1: { prefixes: 'a:' as unknown as [] } }, 'l1.prefixes: must be a list, got "a:"'],
  ])('are rejected with the invalid value: %o', (bad, expected) => {
    expect(complaint(() => memoryCache(bad))).toMatch(expected);
  });

  it('create a memory cache, which opens no connection, if enabled is false', async () => {
    const cache = openCache({ ...standalone, enabled: false });
    expect(cache.connection).toBeUndefined();
    expect(await cache.set('a', 1)).toEqual({ source: 'memory' });
    await cache.close();
  });
});

describe('a Redis URL', () => {
  it('is quoted without its password if it is invalid', () => {
    const message = complaint(() => redisCache({ url: 'http://user:secret@host' }));
    expect(message).toContain('http://[redacted]@host');
    expect(message).not.toContain('secret');
    expect(complaint(() => redisCache({ url: 'redis://host/first' }))).toContain('"first"');
  });

  it.each(['redis://h/1?protocol=3', 'rediss://h?ssl_cert_reqs=none', 'redis://h/0?db=2&timeout=1'])(
    'is rejected if it has a parameter, because that would have no effect: %s',
    (url) => {
      const name = /\?(\w+)/.exec(url)?.[1];
      expect(complaint(() => redisCache({ url }))).toContain(`the parameter "${name}" is not supported`);
    },
  );

  it('is rejected if it has a fragment', () => {
    expect(complaint(() => redisCache({ url: 'redis://h/0#prod' }))).toContain('a fragment');
  });

  it.each([
    'redis://user:hid/den@host:6379',
    'redis://user:12/hidden@host',
    'redis://user:hid@den@host:port',
    'http://user:hid/den@host',
    'redis://user:hid%den@host',
  ])('is quoted without its password even if the password is not escaped: %s', (url) => {
    expect(() => redisCache({ url })).toThrowError(ConfigurationError);
    expect(complaint(() => redisCache({ url }))).not.toMatch(/hid|den/);
  });
});
