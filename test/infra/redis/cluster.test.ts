/**
 * The pure parts of a cluster: its plan, its files, and the parsing of CLUSTER NODES. The contract suites run clusters.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { clusterView } from '../../../infra/redis/cluster.ts';
import { parseClusterNodes, renderClusterNodes, slotOwners } from '../../../infra/redis/cluster-nodes.ts';
import { clusterSettings } from '../../../infra/redis/conf/cluster-conf.ts';
import { lintConf } from '../../../infra/redis/conf/lint/index.ts';
import { busAddress, planTopology, type RedisNode } from '../../../infra/topology.ts';

const environment = loadEnvironment('cluster', {}, new Map());
const topology = planTopology(environment);
const placement = new Map(
  topology.redis.map(({ id, index }) => [id, { host: `10.0.0.${index}`, port: 6379 }]),
);
const nodes = (id: string, clusterId = 'one') => {
  const node = topology.redis.find((each) => each.id === id) as RedisNode;
  return renderClusterNodes({ topology, placement, clusterId, node });
};

describe('the plan of a cluster', () => {
  it('lists all masters, then a replica of each, and assigns every slot to one master', () => {
    const shards = topology.redis.map(({ id, bootstrapMaster, shard }) => [
      id,
      bootstrapMaster,
      shard?.master,
    ]);
    expect(shards).toEqual([
      ['redis-1', true, 'redis-1'],
      ['redis-2', true, 'redis-2'],
      ['redis-3', true, 'redis-3'],
      ['redis-4', false, 'redis-1'],
      ['redis-5', false, 'redis-2'],
      ['redis-6', false, 'redis-3'],
    ]);
    expect(topology.sentinels).toEqual([]);
  });

  it.each([3, 4, 5])('assigns every slot with %i masters', (masters) => {
    const { redis } = planTopology(loadEnvironment('cluster', { 'topology.masters': masters }, new Map()));
    const ranges = redis.filter((node) => node.bootstrapMaster).map((node) => node.shard?.slots);
    expect(ranges[0]?.[0]).toBe(0);
    expect(ranges.at(-1)?.[1]).toBe(16_383);
    for (const [i, range] of ranges.entries())
      if (i > 0) expect(range?.[0]).toBe((ranges[i - 1]?.[1] ?? 0) + 1);
  });

  it('gives nodes that share an address separate bus ports', () => {
    expect(busAddress(environment, { host: '127.0.0.1', port: 6384 })).toEqual({
      host: '127.0.0.1',
      port: 16_384,
    });
  });
});

describe('the nodes.conf of a node', () => {
  it('contains the id of the node, the other nodes, and the slot owners', () => {
    const [first, , , fourth, , , vars] = nodes('redis-4').split('\n');
    expect(first).toMatch(/^[0-9a-f]{40} 10\.0\.0\.1:6379@16379 master - 0 0 1 connected 0-5460$/);
    expect(fourth).toMatch(/^[0-9a-f]{40} 10\.0\.0\.4:6379@16379 myself,slave [0-9a-f]{40} 0 0 1 connected$/);
    expect(fourth?.split(' ')[3]).toBe(first?.split(' ')[0]);
    expect(vars).toBe('vars currentEpoch 3 lastVoteEpoch 0');
  });

  it('is consistent across all nodes, and differs between clusters', () => {
    const withoutMyself = (text: string) => text.replaceAll('myself,', '');
    expect(withoutMyself(nodes('redis-1'))).toBe(withoutMyself(nodes('redis-6')));
    const ids = (text: string) => text.match(/^[0-9a-f]{40}/gm) ?? [];
    expect(new Set([...ids(nodes('redis-1')), ...ids(nodes('redis-1', 'two'))]).size).toBe(12);
  });

  it('is parsed like CLUSTER NODES, with ranges, single slots and migrating slots', () => {
    const id = 'a'.repeat(40);
    const text = `${id} 10.0.0.1:6379@16379,host myself,master - 0 0 7 connected 0-5 9 [6->-${'b'.repeat(40)}]\n`;
    expect(parseClusterNodes(text)).toEqual([
      {
        id,
        hostname: 'host',
        address: { host: '10.0.0.1', port: 6379 },
        flags: ['myself', 'master'],
        master: undefined,
        configEpoch: 7,
        slots: [
          [0, 5],
          [9, 9],
        ],
        linked: true,
        migrating: [{ slot: 6, to: 'b'.repeat(40) }],
      },
    ]);
  });

  it('assigns a slot claimed by two nodes to the node with the later epoch', () => {
    const line = {
      address: { host: '', port: 0 },
      flags: [],
      master: undefined,
      linked: true,
      migrating: [],
    };
    const owners = slotOwners([
      { ...line, id: 'old', configEpoch: 1, slots: [[0, 10]] },
      { ...line, id: 'new', configEpoch: 4, slots: [[5, 10]] },
    ]);
    expect([owners[4], owners[5], owners[11]]).toEqual(['old', 'new', undefined]);
  });
});

describe('the redis.conf of a cluster node', () => {
  const lines = (name: string, flags = {}) => {
    const asked = loadEnvironment(name, flags, new Map());
    const [node] = planTopology(asked).redis;
    return clusterSettings(asked, node as RedisNode, { host: '10.0.0.1', port: 6379 });
  };

  it('states a reason for every cluster directive, none of which is used outside a cluster', () => {
    expect(lines('cluster').every((change) => 'reason' in change && change.reason !== '')).toBe(true);
    expect(lines('dev')).toEqual([]);
  });

  it('announces the TLS port and encrypts the bus if TLS is enabled', () => {
    const names = (flags = {}) => lines('cluster', flags).map(({ name }) => name);
    expect(names()).toContain('cluster-announce-port');
    expect(names({ 'security.tls': true })).toEqual(
      expect.arrayContaining(['cluster-announce-tls-port', 'tls-cluster']),
    );
    expect(names({ 'security.tls': true })).not.toContain('cluster-announce-port');
  });
});

describe('the health check of a cluster', () => {
  /** Six nodes with given replies, because only the text of the replies is under test. */
  const told = (change: (id: string, answer: string) => string) => {
    const admin = async (id: string) =>
      ({
        call: async (command: string, section: string) => {
          const replica = Number(id.slice(-1)) > 3;
          if (section === 'NODES') return change(id, nodes(id));
          if (command === 'CLUSTER') {
            return change(
              id,
              'cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_known_nodes:6\r\n',
            );
          }
          return change(id, replica ? 'role:slave\r\nmaster_link_status:up\r\n' : 'role:master\r\n');
        },
      }) as unknown as Redis;
    return clusterView({ topology, admin })?.healthProblem();
  };

  it.each([
    ['no problem', (_: string, it: string) => it, undefined],
    [
      'a failed state',
      (_: string, it: string) => it.replace('state:ok', 'state:fail'),
      'redis-1: cluster_state:fail',
    ],
    [
      'an unserved slot',
      (_: string, it: string) => it.replace('_ok:16384', '_ok:16383'),
      'redis-1: cluster_slots_ok:16383',
    ],
    [
      'a missing node',
      (_: string, it: string) => it.replace('nodes:6', 'nodes:5'),
      'redis-1: cluster_known_nodes:5',
    ],
    [
      'a link that is down',
      (_: string, it: string) => it.replace(':up', ':down'),
      'redis-4: master_link_status:down',
    ],
    [
      'a missing connection between two nodes',
      (id: string, it: string) =>
        id === 'redis-2' ? it.replace(/^(?!.*myself)(.*) connected/m, '$1 disconnected') : it,
      'redis-2 has no connection to redis-1',
    ],
    [
      'a disagreement of the nodes',
      (id: string, it: string) => (id === 'redis-2' ? it.replace(' 0-5460', ' 0-5459') : it),
      'the nodes disagree on the slot owners',
    ],
    [
      'a disagreement on the replicas',
      (id: string, it: string) => (id === 'redis-2' ? it.replace(/(?<! myself,)slave \w+/, 'master -') : it),
      'the nodes disagree on which node replicates from which',
    ],
    [
      'a missing replica',
      (id: string, it: string) =>
        id === 'redis-5'
          ? it.replace('myself,slave', 'myself,master').replace(/(myself,master) \w+/, '$1 -')
          : it,
      'redis-2 has 0 of 1 replicas',
    ],
  ])('reports %s', async (_, change, missing) => {
    expect(await told(change)).toBe(missing);
  });

  it('is skipped if the environment is not a cluster', () => {
    const dev = planTopology(loadEnvironment('dev', {}, new Map()));
    expect(clusterView({ topology: dev, admin: () => Promise.reject(new Error('asked')) })).toBeUndefined();
  });
});

describe('the cluster lint', () => {
  const sound = `bind 10.0.0.1
aclfile /etc/redis/users.acl
maxmemory 1gb
maxmemory-policy allkeys-lru
appendonly yes
min-replicas-to-write 1
min-replicas-max-lag 3
repl-backlog-size 64mb
repl-diskless-sync-delay 0
latency-monitor-threshold 100
cluster-enabled yes
cluster-node-timeout 2000
cluster-require-full-coverage no
`;
  const found = (line: string) => {
    const name = line.split(' ')[0];
    const rest = sound.split('\n').filter((each) => each.split(' ')[0] !== name);
    return lintConf(`${rest.join('\n')}${line}\n`).map(
      ({ severity, directive }) => `${severity} ${directive}`,
    );
  };

  it('accepts a correct configuration', () => expect(lintConf(sound)).toEqual([]));

  it.each([
    ['cluster-node-timeout 15000', 'warning cluster-node-timeout'],
    ['cluster-node-timeout 200', 'warning cluster-node-timeout'],
    ['cluster-require-full-coverage yes', 'warning cluster-require-full-coverage'],
    ['cluster-replica-no-failover yes', 'warning cluster-replica-no-failover'],
    ['cluster-replica-validity-factor 0', 'warning cluster-replica-validity-factor'],
    ['cluster-allow-reads-when-down yes', 'info cluster-allow-reads-when-down'],
    ['min-replicas-to-write 0', 'info min-replicas-to-write'],
    ['tls-port 6379', 'warning tls-cluster'],
    ['cluster-enabled no', 'info cluster-node-timeout'],
  ])('reports %s', (line, finding) => expect(found(line)).toContain(finding));

  it.each([
    ['replicaof 10.0.0.2 6379', 'error replicaof', 'replicaof directive not allowed in cluster mode'],
    ['port 65000', 'error port', 'port number must be 55535 or less'],
  ])('rejects a directive that the server rejects: %s', (line, finding, words) => {
    expect(found(line)).toContain(finding);
    const dir = mkdtempSync(join(tmpdir(), 'kit-cluster-lint-'));
    try {
      const file = join(dir, 'redis.conf');
      writeFileSync(file, `cluster-enabled yes\nbind 127.0.0.1\ndir ${dir}\n${line}\n`);
      const { stdout, stderr } = spawnSync('redis-server', [file], { encoding: 'utf8', timeout: 30_000 });
      expect(`${stdout}${stderr}`).toContain(words);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
