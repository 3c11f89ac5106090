import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { featuresFromEnv, planFromEnv, type Variables } from '../../client/env.ts';
import { ConfigurationError, fromEnv } from '../../client/index.ts';
import { RedisProcess, startSentinelSet } from '../support/redis-process.ts';

const on = { ENABLE_REDIS_CACHE: 'true' };

describe('featuresFromEnv', () => {
  it('enables every feature that no variable disables', () => {
    expect(featuresFromEnv({})).toEqual({ warming: true, monitoring: true });
    expect(featuresFromEnv({ CACHE_WARMING_ENABLED: 'false' })).toEqual({ warming: false, monitoring: true });
    expect(() => featuresFromEnv({ CACHE_MONITORING_ENABLED: 'often' })).toThrowError(
      /CACHE_MONITORING_ENABLED: must .*, got "often"/,
    );
  });
});

describe('fromEnv', () => {
  it('leaves Redis disabled if ENABLE_REDIS_CACHE is not set', async () => {
    expect(planFromEnv({ REDIS_URL: 'redis://h' })).toMatchObject({
      kind: 'memory',
      why: expect.stringContaining('not set'),
    });
    const cache = fromEnv({});
    expect(cache.connection).toBeUndefined();
    await cache.close();
  });

  it('accepts ENABLE_REDIS_CACHE in any usual spelling', () => {
    for (const yes of ['true', '1', 'YES', 'on'])
      expect(planFromEnv({ ENABLE_REDIS_CACHE: yes }).kind).toBe('redis');
    for (const no of ['false', '0', 'No', 'off'])
      expect(planFromEnv({ ENABLE_REDIS_CACHE: no }).kind).toBe('memory');
  });

  it('uses memory in development if no Redis is configured', () => {
    expect(planFromEnv({ ...on, NODE_ENV: 'development' }).kind).toBe('memory');
    expect(planFromEnv({ ...on, NODE_ENV: 'development', REDIS_HOST: 'h' }).kind).toBe('redis');
    expect(planFromEnv({ ...on, NODE_ENV: 'production' })).toMatchObject({
      redis: { address: { host: '127.0.0.1', port: 6379 } },
    });
  });

  it('prefers the more specific variable', () => {
    const variables = {
      ...on,
      REDIS_URL: 'redis://u:p%40@url:1/2',
      REDIS_HOST: 'host',
      REDIS_PORT: '9',
      REDIS_DB: '7',
      REDIS_PASSWORD: 'other',
    };
    expect(planFromEnv(variables)).toMatchObject({
      redis: { mode: 'standalone', address: { host: 'url', port: 1 }, username: 'u', password: 'p@', db: 2 },
    });
    expect(planFromEnv({ ...on, CACHE_DEFAULT_TTL: '5', REDIS_TTL: '6' }).cache.defaultTtlSeconds).toBe(5);
    expect(planFromEnv({ ...on, REDIS_TTL: '6' }).cache.defaultTtlSeconds).toBe(6);
  });

  it('completes a URL with the other variables', () => {
    expect(
      planFromEnv({ ...on, REDIS_URL: 'redis://localhost:6379/0', REDIS_PASSWORD: 'secret' }),
    ).toMatchObject({
      redis: { address: { host: 'localhost', port: 6379 }, password: 'secret', db: 0 },
    });
  });

  it('finds the master through sentinels when they are configured', () => {
    const variables = {
      ...on,
      REDIS_SENTINEL_HOSTS: 's1:1, s2, [::1]:3',
      REDIS_SERVICE_NAME: 'main',
      REDIS_URL: 'redis://x',
      REDIS_SENTINEL_PASSWORD: 'sp',
    };
    expect(planFromEnv(variables)).toMatchObject({
      redis: {
        mode: 'sentinel',
        serviceName: 'main',
        sentinelPassword: 'sp',
        sentinels: [
          { host: 's1', port: 1 },
          { host: 's2', port: 26_379 },
          { host: '::1', port: 3 },
        ],
      },
    });
  });

  it('reads the breaker settings and the namespace, with times in seconds', () => {
    const variables = {
      ...on,
      CACHE_NAMESPACE: 'meridian',
      CIRCUIT_BREAKER_ENABLED: 'false',
      CIRCUIT_BREAKER_THRESHOLD: '3',
      CIRCUIT_BREAKER_TIMEOUT: '60',
    };
    expect(planFromEnv(variables).cache).toEqual({
      namespace: 'meridian',
      breaker: { enabled: false, threshold: 3, openMs: 60_000 },
    });
  });

  it('uses TLS with a CA from a file', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kit-env-'));
    writeFileSync(join(dir, 'ca.pem'), 'PEM');
    const withCa = planFromEnv({
      ...on,
      REDIS_URL: 'rediss://h',
      REDIS_TLS: 'true',
      REDIS_TLS_CA: join(dir, 'ca.pem'),
    });
    expect(withCa).toMatchObject({ redis: { tls: { ca: 'PEM' } } });
    const REDIS_TLS_CA = join(dir, 'ca.pem');
    expect(planFromEnv({ ...on, REDIS_HOST: 'h', REDIS_TLS_CA })).toMatchObject({
      redis: { tls: { ca: 'PEM' } },
    });
    const sentinels = { REDIS_SENTINEL_HOSTS: 's:1', REDIS_URL: 'rediss://h', REDIS_TLS_CA };
    expect(planFromEnv({ ...on, ...sentinels })).toMatchObject({
      redis: { mode: 'sentinel', tls: { ca: 'PEM' } },
    });
    expect(planFromEnv({ ...on, REDIS_URL: 'rediss://h' })).toMatchObject({ redis: { tls: {} } });
    expect(planFromEnv({ ...on, REDIS_HOST: 'h', REDIS_TLS: 'true' })).toMatchObject({ redis: { tls: {} } });
    rmSync(dir, { recursive: true });
  });

  it('treats the configured nodes as a cluster when cluster mode is enabled', () => {
    const cluster = { ...on, REDIS_CLUSTER_ENABLED: 'true' };
    const [byUrl, byHost] = [{ REDIS_URL: 'rediss://u:p@h:7000' }, { REDIS_HOST: 'h', REDIS_PASSWORD: 'p' }];
    expect(planFromEnv({ ...cluster, ...byUrl })).toMatchObject({
      redis: { mode: 'cluster', nodes: [{ host: 'h', port: 7000 }], username: 'u', password: 'p', tls: {} },
    });
    expect(planFromEnv({ ...cluster, ...byHost })).toMatchObject({
      redis: { mode: 'cluster', nodes: [{ host: 'h', port: 6379 }], password: 'p' },
    });
  });

  it('maps announced addresses to reachable ones, with sentinels and with a cluster', () => {
    const REDIS_NAT_MAP = '10.0.0.1:6379=127.0.0.1:7001, [fd00::2]:6379 = [::1]:7002';
    const natMap = {
      '10.0.0.1:6379': { host: '127.0.0.1', port: 7001 },
      'fd00::2:6379': { host: '::1', port: 7002 },
    };
    expect(planFromEnv({ ...on, REDIS_NAT_MAP, REDIS_SENTINEL_HOSTS: 's' })).toMatchObject({
      redis: { mode: 'sentinel', natMap },
    });
    const cluster = { REDIS_CLUSTER_ENABLED: 'true', REDIS_HOST: 'h' };
    expect(planFromEnv({ ...on, REDIS_NAT_MAP, ...cluster })).toMatchObject({
      redis: { mode: 'cluster', natMap },
    });
    expect(planFromEnv({ ...on, ...cluster })).not.toHaveProperty('redis.natMap');
  });

  it('writes to the reachable address of the master that the sentinels announce', async () => {
    await using set = await startSentinelSet();
    // The map points to another Redis, so the stored key shows which address was used.
    await using reachable = await RedisProcess.start();
    const pairs = set.redis.map(
      ({ address }) => `${address.host}:${address.port}=${reachable.address.host}:${reachable.address.port}`,
    );
    const hosts = set.sentinels.map(({ address }) => `${address.host}:${address.port}`);
    const cache = fromEnv({
      ...on,
      REDIS_SENTINEL_HOSTS: hosts.join(','),
      REDIS_NAT_MAP: pairs.join(', '),
    });
    expect((await cache.set('k', 1)).source).toBe('redis');
    expect(await reachable.admin().exists('cache:k')).toBe(1);
    expect(await Promise.all(set.redis.map((node) => node.admin().exists('cache:k')))).toEqual([0, 0, 0]);
    await cache.close();
  });

  it.each<[Variables, string | RegExp]>([
    [
      { ...on, REDIS_CLUSTER_ENABLED: 'true', REDIS_NAT_MAP: 'a:1' },
      'REDIS_NAT_MAP: must be announced=reachable, such as 10.0.0.1:6379=127.0.0.1:7001, got "a:1"',
    ],
    [
      { ...on, REDIS_CLUSTER_ENABLED: 'true', REDIS_NAT_MAP: 'a=b:1' },
      'REDIS_NAT_MAP: must be announced=reachable, such as 10.0.0.1:6379=127.0.0.1:7001, got "a=b:1"',
    ],
    [
      { ...on, REDIS_CLUSTER_ENABLED: 'true', REDIS_NAT_MAP: 'a:1=b:65536' },
      'REDIS_NAT_MAP: must be host:port, got "b:65536"',
    ],
    [
      { ...on, REDIS_CLUSTER_ENABLED: 'true', REDIS_NAT_MAP: 'a:1=b:2,a:1=c:3' },
      'REDIS_NAT_MAP: "a:1" occurs twice',
    ],
    [
      { ...on, REDIS_SENTINEL_HOSTS: 's', REDIS_NAT_MAP: 'a:1=b:2,' },
      'REDIS_NAT_MAP: must be announced=reachable, such as 10.0.0.1:6379=127.0.0.1:7001, got ""',
    ],
    [
      { ...on, REDIS_HOST: 'h', REDIS_NAT_MAP: 'a:1=b:2' },
      'REDIS_NAT_MAP: requires REDIS_SENTINEL_HOSTS or REDIS_CLUSTER_ENABLED',
    ],
    [{ ENABLE_REDIS_CACHE: 'perhaps' }, 'ENABLE_REDIS_CACHE: must be true or false, got "perhaps"'],
    [{ ...on, REDIS_PORT: 'x' }, 'REDIS_PORT: must be an integer between 1 and 65535, got "x"'],
    [{ ...on, REDIS_PORT: '65536' }, 'REDIS_PORT: must be an integer between 1 and 65535, got "65536"'],
    [{ ...on, REDIS_DB: '1000001' }, /REDIS_DB: must .*, got "1000001"/],
    [{ ...on, REDIS_URL: 'redis://user:se/cret@h' }, /REDIS_URL: must .*, got "redis:\/\/\[redacted\]@h"/],
    [{ ...on, REDIS_SENTINEL_HOSTS: 'a:65536' }, /REDIS_SENTINEL_HOSTS: must .*, got "a:65536"/],
    [{ CACHE_NAMESPACE: 'shop:' }, /CACHE_NAMESPACE: must .*, got "shop:"/],
    [{ CACHE_DEFAULT_TTL: '315360001' }, /CACHE_DEFAULT_TTL: must .*, got "315360001"/],
    [
      { CIRCUIT_BREAKER_THRESHOLD: '0' },
      'CIRCUIT_BREAKER_THRESHOLD: must be an integer between 1 and 1000, got "0"',
    ],
    [
      { CIRCUIT_BREAKER_TIMEOUT: '61' },
      'CIRCUIT_BREAKER_TIMEOUT: must be an integer between 1 and 60, got "61"',
    ],
    [{ ...on, REDIS_SENTINEL_HOSTS: 'a b' }, 'REDIS_SENTINEL_HOSTS: must be host:port, got "a b"'],
    [{ ...on, REDIS_URL: 'localhost' }, /REDIS_URL: must .*, got "localhost"/],
    [
      { ...on, REDIS_CLUSTER_ENABLED: 'true', REDIS_SENTINEL_HOSTS: 'h' },
      'REDIS_CLUSTER_ENABLED: "true", but REDIS_SENTINEL_HOSTS',
    ],
    [{ ...on, REDIS_CLUSTER_ENABLED: 'true', REDIS_DB: '2' }, 'db: 2, but a cluster has only database 0'],
    [{ ...on, REDIS_TLS: 'true', REDIS_TLS_CA: '/nowhere/ca.pem' }, 'REDIS_TLS_CA: "/nowhere/ca.pem"'],
  ])('names the invalid variable and quotes its value: %o', (variables, expected) => {
    expect(() => fromEnv(variables)).toThrowError(ConfigurationError);
    expect(() => fromEnv(variables)).toThrowError(expected);
  });
});
