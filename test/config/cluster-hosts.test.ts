import { describe, expect, it } from 'vitest';
import { placeNodes } from '../../config/host-placement.ts';
import { loadEnvironment } from '../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../config/schema.ts';

const cluster = loadEnvironment('cluster');
type Change = Partial<EnvironmentConfig>;

const hosts = (...names: readonly string[]): NonNullable<EnvironmentConfig['hosts']> =>
  names.map((name, i) => ({ name, engine: `ssh://kit@10.0.0.${i + 11}`, address: `10.0.0.${i + 11}` }));
const topology = (masters: number, replicas: number) => ({ ...cluster.topology, masters, replicas });
const problemsOf = (change: object): readonly string[] => {
  const result = environmentSchema.safeParse({ ...cluster, ...change });
  return (result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
};
const placementOf = (change: Change): Record<string, string[]> => {
  const config = environmentSchema.parse({ ...cluster, ...change });
  const placed = [...placeNodes(config)];
  return Object.fromEntries(
    (config.hosts ?? []).map(({ name }) => [
      name,
      placed.filter(([, host]) => host === name).map(([id]) => id),
    ]),
  );
};

describe('the placement of a cluster', () => {
  it('puts a master on each of three hosts, and each replica on the next host', () => {
    expect(placementOf({ hosts: hosts('a', 'b', 'c') })).toEqual({
      a: ['redis-1', 'redis-6'],
      b: ['redis-2', 'redis-4'],
      c: ['redis-3', 'redis-5'],
    });
  });

  it('puts each node of a shard with two replicas on another host', () => {
    const placed = placementOf({ hosts: hosts('a', 'b', 'c'), topology: topology(3, 2) });
    const shards = Object.values(placed).map((ids) => ids.map((id) => Number(id.slice(6)) % 3).sort());
    expect(shards).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2],
    ]);
  });

  it.each([
    [3, 2, ['a', 'b', 'c', 'd']],
    [4, 1, ['a', 'b', 'c', 'd']],
    [5, 1, ['a', 'b', 'c']],
    [5, 1, ['a', 'b', 'c', 'd', 'e']],
  ])(
    'of %i masters with %i replicas on the hosts %j survives the loss of each host',
    (masters, replicas, names) => {
      const change = { hosts: hosts(...names), topology: topology(masters, replicas) };
      expect(problemsOf(change)).toEqual([]);
      const counts = Object.values(placementOf(change)).map((ids) => ids.length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    },
  );

  it('follows `placement`, and places the replicas of a moved master on other hosts', () => {
    const placement = { 'redis-1': 'b', 'redis-2': 'a' };
    const placed = placementOf({ hosts: hosts('a', 'b', 'c'), placement });
    expect(placed).toEqual({
      a: ['redis-2', 'redis-6'],
      b: ['redis-1', 'redis-5'],
      c: ['redis-3', 'redis-4'],
    });
  });
});

describe('the loss of a host of a cluster', () => {
  it('is refused with two hosts: the error states the maximum per host and the number of hosts', () => {
    const [problem, ...others] = problemsOf({ hosts: hosts('a', 'b') });
    expect(others).toEqual([]);
    expect(problem).toMatch(
      /^hosts: the loss of host 'a' \(redis-1, redis-3, redis-5\) would stop the service/,
    );
    expect(problem).toContain('1 of 3 masters are left, and 2 must agree on a failover');
    expect(problem).toContain('place at most 1 of 3 masters on one host, and use at least 3 hosts');
  });

  it('is refused for four masters on three hosts, which need four', () => {
    expect(problemsOf({ hosts: hosts('a', 'b', 'c'), topology: topology(4, 1) })).toEqual([
      expect.stringContaining('place at most 1 of 4 masters on one host, and use at least 4 hosts'),
    ]);
  });

  it('is refused if a master and all its replicas are on one host', () => {
    const placement = { 'redis-1': 'a', 'redis-4': 'a' };
    expect(problemsOf({ hosts: hosts('a', 'b', 'c'), placement })).toEqual([
      expect.stringMatching(
        /the loss of host 'a' .*: no node of the shard redis-1, redis-4 is left, and its data is lost/,
      ),
    ]);
  });

  it('is refused if a master is left with too few replicas to accept writes', () => {
    const redis = { ...cluster.redis, minReplicasToWrite: 1 };
    expect(problemsOf({ hosts: hosts('a', 'b', 'c'), redis })).toEqual([
      expect.stringContaining(
        'has 0 replicas, and with redis.minReplicasToWrite 1 it rejects every write. Remedy: set redis.minReplicasToWrite to at most 0',
      ),
    ]);
    expect(problemsOf({ hosts: hosts('a', 'b', 'c'), redis, topology: topology(3, 2) })).toEqual([]);
  });

  it('is refused if two masters are placed on one host by hand', () => {
    const placement = { 'redis-1': 'a', 'redis-2': 'a' };
    expect(problemsOf({ hosts: hosts('a', 'b', 'c'), placement })).toEqual([
      expect.stringContaining('1 of 3 masters are left'),
    ]);
  });
});

it('the ports of the cluster bus must fit above the published ports', () => {
  const docker = { ...cluster.docker, ports: { ...cluster.docker.ports, redis: 60_000 } };
  expect(problemsOf({ hosts: hosts('a', 'b', 'c'), docker })).toEqual([
    expect.stringContaining('docker.ports.redis: gives the cluster bus the ports 70000 to 70005'),
  ]);
  expect(problemsOf({ docker })).toEqual([]);
});
