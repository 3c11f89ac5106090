import { describe, expect, it } from 'vitest';
import { placeNodes } from '../../config/host-placement.ts';
import { loadEnvironment } from '../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../config/schema.ts';

const dev = loadEnvironment('dev');
type Hosts = NonNullable<EnvironmentConfig['hosts']>;
type Change = Partial<EnvironmentConfig>;

const host = (name: string, i: number, change: Partial<Hosts[number]> = {}) => ({
  name,
  engine: `ssh://kit@10.0.0.${i}`,
  address: `10.0.0.${i}`,
  ...change,
});
const hosts = (...names: readonly string[]): Hosts => names.map((name, i) => host(name, i + 11));

const parsed = (change: Change) => environmentSchema.parse({ ...dev, ...change });
const problemsOf = (change: object): readonly string[] => {
  const result = environmentSchema.safeParse({ ...dev, ...change });
  return (result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
};
const topology = (change: Partial<EnvironmentConfig['topology']>) => ({ ...dev.topology, ...change });
const byHost = (change: Change): Record<string, string[]> => {
  const placed = [...placeNodes(parsed(change))];
  const names = (change.hosts ?? []).map(({ name }) => name);
  return Object.fromEntries(
    names.map((name) => [name, placed.filter(([, at]) => at === name).map(([id]) => id)]),
  );
};

describe('placement on hosts', () => {
  it('is empty without hosts', () => {
    expect(placeNodes(dev).size).toBe(0);
  });

  it('assigns a Redis node and a sentinel to each of three hosts, in the order of the list', () => {
    expect(byHost({ hosts: hosts('a', 'b', 'c') })).toEqual({
      a: ['redis-1', 'sentinel-1'],
      b: ['redis-2', 'sentinel-2'],
      c: ['redis-3', 'sentinel-3'],
    });
  });

  it('uses a fourth host before it assigns a second node to another host', () => {
    expect(byHost({ hosts: hosts('a', 'b', 'c', 'd') })).toEqual({
      a: ['redis-1', 'sentinel-2'],
      b: ['redis-2', 'sentinel-3'],
      c: ['redis-3'],
      d: ['sentinel-1'],
    });
  });

  it('distributes five sentinels so that each host has at most two', () => {
    const change = { hosts: hosts('a', 'b', 'c'), topology: topology({ sentinels: 5, quorum: 3 }) };
    const counts = Object.values(byHost(change)).map((ids) => ids.filter((id) => id.startsWith('s')).length);
    expect(counts.sort()).toEqual([1, 2, 2]);
  });

  it('follows `placement`, and distributes the other nodes over the remaining hosts', () => {
    const placement = { 'redis-1': 'c' };
    expect(byHost({ hosts: hosts('a', 'b', 'c'), placement })).toEqual({
      a: ['redis-2', 'sentinel-1'],
      b: ['redis-3', 'sentinel-2'],
      c: ['redis-1', 'sentinel-3'],
    });
  });
});

describe('the loss of a host', () => {
  it('is refused with two hosts, and the error states the consequence and the remedy', () => {
    const [problem, ...others] = problemsOf({ hosts: hosts('a', 'b') });
    expect(others).toEqual([]);
    expect(problem).toMatch(/^hosts: the loss of host 'b' \(redis-2, sentinel-1, sentinel-3\)/);
    expect(problem).toContain('1 of 3 sentinels are left, and 2 must elect a new master');
    expect(problem).toContain(
      'Remedy: place at most 1 of 3 sentinels on one host, and use at least three hosts',
    );
  });

  it('is accepted if a third host runs only a sentinel and a replica is left for the new master', () => {
    const placement = { 'redis-1': 'a', 'redis-2': 'b', 'sentinel-3': 'c' };
    const redis = { ...dev.redis, minReplicasToWrite: 0 };
    const durability = { ...dev.durability, durableWrites: 'async' };
    const change = { redis, durability, topology: topology({ replicas: 1 }), placement };
    expect(problemsOf({ ...change, hosts: hosts('a', 'b', 'c') })).toEqual([]);
  });

  it('is refused if all Redis nodes are on one host', () => {
    const placement = { 'redis-1': 'b', 'redis-2': 'b', 'redis-3': 'b' };
    expect(problemsOf({ hosts: hosts('a', 'b', 'c'), placement })).toEqual([
      expect.stringMatching(/the loss of host 'b' .*: no Redis node is left, and the data is lost/),
    ]);
  });

  it('is refused if the new master would have too few replicas to accept writes', () => {
    const placement = { 'redis-1': 'a', 'redis-2': 'a', 'redis-3': 'b' };
    expect(problemsOf({ hosts: hosts('a', 'b', 'c'), placement })).toEqual([
      expect.stringContaining('the new master has 0 replicas, and with redis.minReplicasToWrite 1'),
    ]);
  });

  it('is refused if a quorum above the majority is lost with the host', () => {
    const problems = problemsOf({ hosts: hosts('a', 'b', 'c'), topology: topology({ quorum: 3 }) });
    expect(problems).toEqual([
      expect.stringContaining('Remedy: set topology.quorum to at most 2, or spread the sentinels'),
    ]);
  });
});

describe('hosts', () => {
  it.each([
    ['a loopback address', [host('a', 1, { address: '127.0.0.1' })], 'hosts.0.address'],
    ['an engine of an unknown kind', [host('a', 1, { engine: 'http://10.0.0.1' })], 'hosts.0.engine'],
    ['tcp without TLS', [host('a', 1, { engine: 'tcp://10.0.0.1:2376' })], 'hosts.0.tls: is missing'],
    ['a name that is used twice', [host('a', 1), host('a', 2)], 'hosts.1.name: must be unique'],
    [
      'an engine that is used twice',
      [host('a', 1), host('b', 2, { engine: 'ssh://kit@10.0.0.1' })],
      "hosts.1.engine: is the engine of host 'a'",
    ],
    [
      'an ssh engine that is used twice, by another user and with the default port',
      [host('a', 1), host('b', 2, { engine: 'ssh://root@10.0.0.1:22' })],
      "hosts.1.engine: is the engine of host 'a'",
    ],
    [
      'a password in the address of an ssh engine',
      [host('a', 1, { engine: 'ssh://kit:secret@10.0.0.1' })],
      'hosts.0.engine',
    ],
    [
      'an ssh user that ssh would read as an option',
      [host('a', 1, { engine: 'ssh://-oProxyCommand=x@10.0.0.1' })],
      'hosts.0.engine',
    ],
    [
      'a port above 65535',
      [host('a', 1, { engine: 'ssh://kit@10.0.0.1:65536' })],
      "hosts.0.engine: must have a port from 1 to 65535, got '65536'",
    ],
    [
      'an address that is used twice',
      [host('a', 1), host('b', 2, { address: '10.0.0.1' })],
      "hosts.1.address: is the address of host 'a'",
    ],
  ])('refuse %s', (_, list, expected) => {
    expect(problemsOf({ hosts: list }).join('\n')).toContain(expected);
  });

  it('accept ssh with and without a user and a port, tcp with client files, and a socket', () => {
    const tls = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' };
    const list = [
      host('a', 1),
      host('b', 2, { engine: 'tcp://10.0.0.2:2376', tls }),
      host('c', 3, { engine: 'unix:///run/docker.sock' }),
      host('d', 4, { engine: 'ssh://host-d.example' }),
      host('e', 5, { engine: 'ssh://kit@host-d.example:2222' }),
    ];
    expect(problemsOf({ hosts: list })).toEqual([]);
  });

  it('refuse a single node, which nothing would replace', () => {
    const single = loadEnvironment('single');
    const result = environmentSchema.safeParse({ ...single, hosts: hosts('a', 'b', 'c') });
    expect(result.error?.issues.map(({ message }) => message)).toEqual([
      expect.stringContaining("requires topology.kind 'sentinel' or 'cluster', got 'single'"),
    ]);
  });
});

describe('`placement`', () => {
  it.each([
    ['without hosts', { placement: { 'redis-1': 'a' } }, 'placement: must be omitted without hosts'],
    [
      'of an unknown node',
      { hosts: hosts('a', 'b', 'c'), placement: { 'redis-9': 'a' } },
      "must be one of redis-1, redis-2, redis-3, sentinel-1, sentinel-2, sentinel-3, got 'redis-9'",
    ],
    [
      'on an unknown host',
      { hosts: hosts('a', 'b', 'c'), placement: { 'redis-1': 'z' } },
      "placement.redis-1: must be one of a, b, c, got 'z'",
    ],
  ])('is refused %s', (_, change, expected) => {
    expect(problemsOf(change).join('\n')).toContain(expected);
  });
});
