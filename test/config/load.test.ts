import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readVariables } from '../../config/env.ts';
import { environmentNames, loadEnvironment } from '../../config/load.ts';
import { clientSettingsOf, promisesOf } from '../../config/schema.ts';
import { planTopology } from '../../infra/topology.ts';
import { catchKitError } from '../support/kit-error.ts';

const noVariables = new Map();
const variables = (env: Record<string, string>) => readVariables({ env, directory: dir });

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kit-config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const minimal = `name: mine
purpose: A file that says as little as it may.
topology: { kind: single, replicas: 0, sentinels: 0, quorum: 1 }
redis:
  maxmemory: 64mb
  maxmemoryPolicy: allkeys-lru
  appendonly: true
  save: []
  minReplicasToWrite: 0
sentinel: { downAfterMs: 1000, failoverTimeoutMs: 5000 }
security: { tls: false }
client: {}
durability: { durableWrites: async }
`;

function write(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

describe('the predefined environments', () => {
  it('are dev, staging, production, single and cluster', () => {
    expect(environmentNames()).toEqual(['cluster', 'dev', 'production', 'single', 'staging']);
  });

  it('declare every promise, and only production promises encryption', () => {
    for (const name of environmentNames()) {
      const text = readFileSync(join('config/environments', `${name}.yaml`), 'utf8');
      for (const promise of ['persistence', 'failover', 'eviction', 'encryption'])
        expect(text, name).toMatch(new RegExp(`^  ${promise}: (true|false)$`, 'm'));
      expect(promisesOf(loadEnvironment(name, {}, noVariables)).has('encryption')).toBe(
        name === 'production',
      );
    }
  });

  it.each(['cluster', 'dev', 'production', 'single', 'staging'])(
    '%s is valid, frozen and named after its file',
    (name) => {
      const config = loadEnvironment(name, {}, noVariables);
      expect(config.name).toBe(name);
      expect(Object.isFrozen(config.redis.save[0])).toBe(true);
    },
  );

  it.each(['dev', 'staging', 'production'])(
    '%s retries a lost election within the target of 30 s',
    (name) => {
      const { sentinel } = loadEnvironment(name, {}, noVariables);
      expect(sentinel.downAfterMs + 2 * sentinel.failoverTimeoutMs).toBeLessThan(30_000);
    },
  );

  it('have TLS and the documented sizes and times in production', () => {
    const { redis, sentinel, security, topology } = loadEnvironment('production', {}, noVariables);
    expect(security.tls).toBe(true);
    expect(redis).toMatchObject({
      maxmemory: 2 * 1024 ** 3,
      save: [
        [900, 1],
        [300, 10],
        [60, 10_000],
      ],
      ioThreads: 4,
    });
    expect(sentinel).toMatchObject({ downAfterMs: 5000, parallelSyncs: 1 });
    expect(topology.quorum).toBe(2);
  });
});

describe('precedence', () => {
  it('uses the schema default when nothing overrides it', () => {
    const config = loadEnvironment(write('minimal.yaml', minimal), {}, noVariables);
    expect(config.client).toMatchObject({ namespace: 'cache', defaultTtlSeconds: 3600, supervision: true });
    expect(config.client.breaker).toEqual({ enabled: true, threshold: 5, openMs: 60_000 });
    expect(config.redis.replBacklogSize).toBe(64 * 1024 ** 2);
    // An absent setting does not remove a promise. Only durableWrites sets the promise of durable writes.
    expect(promisesOf(config)).toEqual(new Set(['persistence', 'failover', 'eviction', 'encryption']));
  });

  it('overrides the default with the YAML', () => {
    const path = write('ttl.yaml', minimal.replace('client: {}', 'client: { defaultTtlSeconds: 7 }'));
    expect(loadEnvironment(path, {}, noVariables).client.defaultTtlSeconds).toBe(7);
  });

  it('overrides the YAML with a variable', () => {
    expect(loadEnvironment('dev', {}, variables({ REDIS_TTL: '11' })).client.defaultTtlSeconds).toBe(11);
  });

  it('overrides a variable with a more specific variable', () => {
    const both = variables({ CACHE_DEFAULT_TTL: '12', REDIS_TTL: '11' });
    expect(loadEnvironment('dev', {}, both).client.defaultTtlSeconds).toBe(12);
  });

  it('overrides a variable with a flag', () => {
    const flags = { 'client.defaultTtlSeconds': '13' };
    expect(
      loadEnvironment('dev', flags, variables({ CACHE_DEFAULT_TTL: '12' })).client.defaultTtlSeconds,
    ).toBe(13);
  });

  it('parses the value of a flag as YAML', () => {
    const config = loadEnvironment(
      'dev',
      {
        'redis.maxmemory': '100mb',
        'durability.durableWrites': '{ replicas: 2, timeoutMs: 50 }',
        'redis.appendonly': 'false',
      },
      noVariables,
    );
    expect(config.redis).toMatchObject({ maxmemory: 100 * 1024 ** 2, appendonly: false });
    expect(config.durability.durableWrites).toEqual({ replicas: 2, timeoutMs: 50 });
  });

  it('treats a flag that is not valid YAML as a string, and quotes an invalid value in the error', () => {
    const error = catchKitError(() => loadEnvironment('dev', { 'redis.appendfsync': '[' }, noVariables));
    expect(error.message).toContain("'['");
  });

  it('maps every variable to its setting', () => {
    const config = loadEnvironment(
      'dev',
      {},
      variables({
        CACHE_NAMESPACE: 'shop',
        CIRCUIT_BREAKER_ENABLED: 'off',
        CIRCUIT_BREAKER_THRESHOLD: '9',
        CIRCUIT_BREAKER_TIMEOUT: '30',
      }),
    );
    expect(config.client.namespace).toBe('shop');
    expect(config.client.breaker).toEqual({ enabled: false, threshold: 9, openMs: 30_000 });
  });
});

describe('an exported application address', () => {
  it('never changes the address of an environment', () => {
    const exported = variables({
      REDIS_URL: 'redis://elsewhere:1/3',
      REDIS_HOST: 'elsewhere',
      REDIS_PORT: '1',
      REDIS_PASSWORD: 'p',
      REDIS_DB: '3',
      REDIS_TLS: 'true',
      REDIS_CLUSTER_ENABLED: 'true',
      REDIS_SENTINEL_HOSTS: 'elsewhere:2',
      REDIS_SERVICE_NAME: 'other',
      ENABLE_REDIS_CACHE: 'false',
    });
    expect(loadEnvironment('dev', {}, exported)).toEqual(loadEnvironment('dev', {}, noVariables));
  });
});

describe('an error', () => {
  it('lists the environments if the name is unknown, and suggests a similar name', () => {
    const error = catchKitError(() => loadEnvironment('prod', {}, noVariables));
    expect(error).toMatchObject({ code: 'ENVIRONMENT_UNKNOWN', exitCode: 2 });
    expect(error.message).toBe(
      "'prod' is not an environment; did you mean 'production'? available: cluster, dev, production, single, staging",
    );
    expect(catchKitError(() => loadEnvironment('xyzzy', {}, noVariables)).message).toContain(
      "'xyzzy' is not an environment; available:",
    );
  });

  it('names a missing file', () => {
    const error = catchKitError(() => loadEnvironment(join(dir, 'missing.yaml'), {}, noVariables));
    expect(error).toMatchObject({ code: 'CONFIG_UNREADABLE', where: join(dir, 'missing.yaml') });
  });

  it('names the file, line and path of an invalid value, quotes it and lists the allowed values', () => {
    const path = write('bad.yaml', minimal.replace('maxmemory: 64mb', 'maxmemory: 2zb'));
    const error = catchKitError(() => loadEnvironment(path, {}, noVariables));
    expect(error.where).toBe(`${path}:5: redis.maxmemory`);
    expect(error.message).toMatch(/^must be a size such as 512mb.*, got '2zb'$/);
    expect(error.hint).toBeDefined();
  });

  it.each([
    ['redis.maxmemory', '512', /^must be at least 8mb, got '512'/],
    ['sentinel.downAfterMs', '5', /^must be an integer from 200 to 3600000, got '5'/],
    ['sentinel.failoverTimeoutMs', '10', /^must be an integer from 1000 to \d+, got '10'/],
  ])('lists the allowed units for %s in the wrong unit', (path, value, message) => {
    expect(catchKitError(() => loadEnvironment('dev', { [path]: value }, noVariables)).message).toMatch(
      message,
    );
  });

  it.each([
    [{ 'sentinel.downAfterMs': '499' }, /^must be from 500 to 3600000, got '499': .*set sentinel\.fast/],
    [
      { 'sentinel.fast': 'true', 'sentinel.watchdog': 'false' },
      /^must be true with sentinel\.fast: the watchdog sets/,
    ],
    [
      { 'sentinel.fast': 'true', 'sentinel.downAfterMs': '200', 'sentinel.pingPeriodMs': '150' },
      /^must be at most half of sentinel\.downAfterMs \(100\)/,
    ],
  ])('is reported for a detection that would treat a short stall as a failure: %j', (settings, message) => {
    expect(catchKitError(() => loadEnvironment('dev', settings, noVariables)).message).toMatch(message);
  });

  it('is not caused by fast detection, whose defaults are frequent pings and early suspicion', () => {
    const fast = { 'sentinel.fast': 'true', 'sentinel.downAfterMs': '200' };
    const config = loadEnvironment('dev', fast, noVariables);
    expect(planTopology(config).watchdog?.pingPeriodMs).toBe(100);
    expect(clientSettingsOf(config).hangSuspectedMs).toBe(100);
    const own = { ...fast, 'sentinel.pingPeriodMs': '60', 'client.hangSuspectedMs': '90' };
    const chosen = loadEnvironment('dev', own, noVariables);
    expect(planTopology(chosen).watchdog?.pingPeriodMs).toBe(60);
    expect(clientSettingsOf(chosen).hangSuspectedMs).toBe(90);
    const stock = loadEnvironment('dev', {}, noVariables);
    expect(planTopology(stock).watchdog?.pingPeriodMs).toBeUndefined();
    expect(clientSettingsOf(stock)).not.toHaveProperty('hangSuspectedMs');
  });

  it('reports several invalid values together', () => {
    const text = minimal
      .replace('allkeys-lru', 'allkeys-lur')
      .replace('appendonly: true', 'appendonly: maybe')
      .replace('quorum: 1', 'quorum: none')
      .replace('maxmemory:', 'maxmemroy:')
      .replace('save: []', 'save: [[900, x]]');
    const path = write('many.yaml', text);
    const { message, where } = catchKitError(() => loadEnvironment(path, {}, noVariables));
    expect(where).toBe(path);
    expect(message).toMatch(/^6 problems\n/);
    expect(message).toContain(
      `${path}:4: redis.maxmemory: is missing; must be a size such as 512mb, above 0`,
    );
    expect(message).toContain(`${path}:8: redis.save.0.1: must be an integer of at least 1, got 'x'`);
    expect(message).toContain(
      `${path}:5: redis.maxmemroy: unknown key 'maxmemroy'; did you mean 'maxmemory'? allowed: server, port,`,
    );
    expect(message).toContain(`${path}:3: topology.quorum: must be an integer from 1 to 7, got 'none'`);
    expect(message).toContain(`${path}:6: redis.maxmemoryPolicy: must be one of noev`);
    expect(message).toContain("got 'allkeys-lur'; did you mean 'allkeys-lru'?");
    expect(message).toContain(`${path}:7: redis.appendonly: must be true or false, got 'maybe'`);
  });

  it('names the variable, or the line of .env, from which an invalid value comes', () => {
    const byProcess = catchKitError(() =>
      loadEnvironment('dev', {}, variables({ CACHE_DEFAULT_TTL: 'soon' })),
    );
    expect(byProcess.where).toBe('variable CACHE_DEFAULT_TTL=soon: client.defaultTtlSeconds');
    expect(byProcess.message).toBe("must be an integer of at least 1, got 'soon'");
    const home = mkdtempSync(join(dir, 'home-'));
    writeFileSync(join(home, '.env'), '# mine\nexport CIRCUIT_BREAKER_TIMEOUT=600\n');
    const byFile = catchKitError(() =>
      loadEnvironment('dev', {}, readVariables({ env: {}, directory: home })),
    );
    expect(byFile.where).toBe(`${join(home, '.env')}:2: CIRCUIT_BREAKER_TIMEOUT=600: client.breaker.openMs`);
  });

  it('names the flag that has an invalid value', () => {
    const error = catchKitError(() => loadEnvironment('dev', { 'client.breaker': 5 }, noVariables));
    expect(error.where).toBe('flag client.breaker=5: client.breaker');
    expect(error.message).toBe("must be a map with the keys enabled, threshold, openMs, got '5'");
  });

  it.each([
    [
      'a quorum above the sentinels',
      { 'topology.quorum': 4 },
      "must be from 1 to the number of sentinels (3), got '4'",
    ],
    [
      'sentinel without replicas',
      { 'topology.replicas': 0, 'redis.minReplicasToWrite': 0, 'durability.durableWrites': 'async' },
      'at least one replica',
    ],
    ['single with replicas', { 'topology.kind': 'single' }, "'single' has no replicas"],
    [
      'more replicas for writes than exist',
      { 'redis.minReplicasToWrite': 3 },
      'every write would be rejected',
    ],
    [
      'durable writes beyond the replicas',
      { 'durability.durableWrites': { replicas: 3, timeoutMs: 5 } },
      'no durable write could be confirmed',
    ],
    ['ports that overlap', { 'sentinel.port': 6380 }, 'ports that the Redis nodes do not use (6379 to 6381)'],
    ['an unknown durability', { 'durability.durableWrites': 'sync' }, 'must be async, or { replicas'],
    [
      'an unknown key of a durability',
      { 'durability.durableWrites': { replicas: 1, timeoutMs: 5, nodes: 2 } },
      "unknown key 'nodes'; allowed: replicas, timeoutMs",
    ],
    [
      'a directive in upper case',
      { 'redis.extra': { Hz: '20' } },
      "key 'Hz' must be a redis.conf directive name",
    ],
    [
      'a time that is too long',
      { 'client.commandTimeoutMs': 9000 },
      "must be an integer from 1 to 5000, got '9000'",
    ],
    [
      'a purpose that is too short',
      { purpose: 'x' },
      "must be one sentence of at least 10 characters, got 'x'",
    ],
  ])('states the reason: %s', (_, flags, reason) => {
    expect(catchKitError(() => loadEnvironment('dev', flags, noVariables)).message).toContain(reason);
  });

  it.each([
    [
      'several masters in a topology with sentinels',
      'dev',
      { 'topology.masters': 3 },
      "must be 1 for kind 'sentinel', got '3'",
    ],
    ['a cluster of two masters', 'cluster', { 'topology.masters': 2 }, 'at least three masters'],
    ['a cluster with sentinels', 'cluster', { 'topology.sentinels': 3 }, 'no sentinels'],
    ['more nodes than addresses', 'cluster', { 'topology.replicas': 3 }, 'must be at most 10 nodes, got 12'],
    ['a bus on the ports of clients', 'cluster', { 'cluster.busPort': 6384 }, '(6379 to 6384)'],
    [
      'a bus beyond the last port',
      'cluster',
      { 'cluster.busPort': 65_535 },
      "must be from 1 to 65530 to leave 6 ports, got '65535'",
    ],
    [
      'writes that require two replicas if there is only one',
      'cluster',
      { 'redis.minReplicasToWrite': 2 },
      'every write would be rejected',
    ],
  ])('states the reason in another environment: %s', (_, name, flags, reason) => {
    const error = catchKitError(() => loadEnvironment(name, flags, noVariables));
    expect(`${error.where}: ${error.message}`).toContain(reason);
    expect(error.where).toMatch(/(cluster|dev)\.yaml:\d+|^flag /);
  });

  it('is reported for an environment name that differs from the file name', () => {
    expect(catchKitError(() => loadEnvironment('dev', { name: 'other' }, noVariables)).message).toContain(
      "got 'other'",
    );
  });

  it('names the line and column of broken YAML, and quotes the line', () => {
    const path = write('broken.yaml', 'name: x\ntopology: [1\n');
    const error = catchKitError(() => loadEnvironment(path, {}, noVariables));
    expect(error.code).toBe('CONFIG_SYNTAX');
    expect(`${error.where} ${error.message}`).toContain(`${path}:`);
    const twice = write('twice.yaml', 'name: x\nname: y\n');
    expect(catchKitError(() => loadEnvironment(twice, {}, noVariables))).toMatchObject({
      where: `${twice}:2:1`,
      message: "must be YAML: Map keys must be unique, at 'name: y'",
    });
    const both = write('both.yaml', 'a: [1\nb: }\n');
    expect(catchKitError(() => loadEnvironment(both, {}, noVariables)).message).toMatch(
      /syntax errors, the first at/,
    );
  });

  it.each([
    ['an empty file', ''],
    ['a list', '- 1'],
  ])('lists the available keys for %s', (_, text) => {
    const path = write('root.yaml', text);
    const error = catchKitError(() => loadEnvironment(path, {}, noVariables));
    expect(error.where).toBe(`${path}:1: (the whole file)`);
    expect(error.message).toContain('a map with the keys name, purpose, topology');
  });
});
