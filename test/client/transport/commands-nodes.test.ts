/**
 * Commands that the ACL of sentinels or of cluster nodes denies to the user. For each denied command, the client
 * behaves as the README documents.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { clusterCache, connect } from '../../../client/index.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import { openConnection } from '../../../client/transport/index.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { type Address, type RedisProcess, startSentinelSet, waitUntil } from '../../support/redis-process.ts';

const login = { username: 'app', password: 'pw' };

describe('a connection over sentinels with denied commands', () => {
  const allow = async (nodes: readonly RedisProcess[], ...denied: readonly string[]): Promise<void> => {
    for (const node of nodes) {
      const admin = node.admin();
      const { username, password } = login;
      await admin.call(
        'ACL',
        'SETUSER',
        username,
        'reset',
        'on',
        `>${password}`,
        '~*',
        '&*',
        '+@all',
        ...denied,
      );
      await admin.call('CLIENT', 'KILL', 'USER', username);
    }
  };

  it('follows the master without ROLE, PING and CLIENT on nodes, and without SUBSCRIBE on sentinels', async () => {
    await using set = await startSentinelSet();
    await allow(set.redis, '-role', '-ping', '-client');
    await allow(set.sentinels, '-subscribe', '-ping');
    const connection = connect({
      mode: 'sentinel',
      sentinels: set.sentinels.map(({ address }) => address),
      ...login,
      sentinelUsername: login.username,
      sentinelPassword: login.password,
      commandTimeoutMs: 3000,
    });
    onTestFinished(() => connection.close());
    expect(await connection.call('SET', 'k', 1)).toBe('OK');
    const former = connection.state.kind === 'ready' ? connection.state.master : undefined;
    await set.sentinels[0].admin().call('SENTINEL', 'FAILOVER', 'mymaster');
    await waitUntil(
      'the connection has moved',
      () => {
        const { state } = connection;
        return state.kind === 'ready' && state.master.host !== former?.host;
      },
      20_000,
    );
    await waitUntil('the new master accepts writes', () =>
      connection.call('SET', 'k', 2).then(
        () => true,
        () => false,
      ),
    );
  });

  it('reports that SENTINEL MASTER is denied, and does not reconnect for each query', async () => {
    await using set = await startSentinelSet();
    await allow(set.redis);
    await allow(set.sentinels, '-sentinel|master');
    const [sentinel, ...others] = set.sentinels;
    // The other sentinels connect to this sentinel when they discover it, which would change the count.
    for (const other of others) other.pause();
    const received = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await sentinel.admin().info('stats'))?.[1]);
    const before = await received();
    const connection = connect({
      mode: 'sentinel',
      sentinels: [sentinel.address],
      ...login,
      sentinelUsername: login.username,
      sentinelPassword: login.password,
      commandTimeoutMs: 1000,
    });
    onTestFinished(() => connection.close());
    await expect(connection.call('GET', 'k')).rejects.toThrowError(
      /sentinel .*: NOPERM .*'sentinel\|master'/,
    );
    expect((await received()) - before).toBeLessThanOrEqual(2);
    for (const other of others) other.resume();
    await allow([sentinel]);
    await waitUntil('the connection is ready', () => connection.state.kind === 'ready');
  });
});

describe('a connection to a cluster with denied commands', () => {
  let set: ClusterSet;
  beforeAll(async () => {
    set = await startCluster();
  });
  afterAll(() => set[Symbol.asyncDispose]());
  const without = async (...denied: readonly string[]): Promise<readonly Address[]> => {
    const { username, password } = login;
    for (const node of set.nodes)
      await node
        .admin()
        .call('ACL', 'SETUSER', username, 'reset', 'on', `>${password}`, '~*', '&*', '+@all', ...denied);
    return set.nodes.map(({ address }) => address);
  };

  it('reports that CLUSTER NODES, which lists the shards, is denied', async () => {
    const nodes = await without('-cluster|nodes');
    const cache = clusterCache({ nodes, ...login, commandTimeoutMs: 300 });
    await expect(cache.ping()).rejects.toThrowError(
      /no node of the cluster replies .*NOPERM .*'cluster\|nodes'/,
    );
    expect((await cache.lookup('k')).source).toBe('memory');
    await cache.close();
  });

  it('reads from masters when READONLY is denied, and leaves no connection open', async () => {
    const nodes = await without('-readonly');
    const connection = openConnection(
      resolveConnection({ mode: 'cluster', nodes, ...login, replicaReads: {} }),
    );
    onTestFinished(() => connection.close());
    await connection.call('SET', 'k', 1);
    const replica = set.nodes[3] as RedisProcess;
    const open = async (): Promise<number> => {
      const list = String(await replica.admin().call('CLIENT', 'LIST'));
      return list.split('\n').filter((line) => line.includes(`user=${login.username} `)).length;
    };
    const refused = async (): Promise<number> =>
      Number(
        /cmdstat_readonly:.*rejected_calls=(\d+)/.exec(await replica.admin().info('commandstats'))?.[1] ?? 0,
      );
    await waitUntil('READONLY was tried several times', async () => (await refused()) >= 3);
    expect(await connection.call('GET', 'k')).toBe('1');
    // One connection queries the nodes, and at most one more is being opened.
    expect(await open()).toBeLessThanOrEqual(2);
  });

  it('reports that ASKING, which reads need during a migration, is denied', async () => {
    const nodes = await without('-asking');
    const connection = connect({ mode: 'cluster', nodes, ...login, commandTimeoutMs: 5000 });
    onTestFinished(() => connection.close());
    await connection.call('SET', '{a}1', 1);
    const slot = Number(await set.nodes[0]?.admin().cluster('KEYSLOT', '{a}1'));
    const from = await set.owner(slot);
    const to = set.nodes.find((node, i) => i < 3 && node !== from) as RedisProcess;
    const id = (node: RedisProcess): string => set.ids[set.nodes.indexOf(node)] as string;
    await to.admin().call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', id(from));
    await from.admin().call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id(to));
    await from.admin().call('MIGRATE', to.address.host, to.address.port, '{a}1', 0, 1000);
    const startedAt = performance.now();
    await expect(connection.call('GET', '{a}1')).rejects.toThrowError(/NOPERM .*'asking'/);
    const durability = { replicas: 1, timeoutMs: 1000 };
    await expect(connection.callDurable(durability, 'SET', '{a}1', 2)).rejects.toThrowError(
      /NOPERM .*'asking'/,
    );
    expect(performance.now() - startedAt).toBeLessThan(4500);
    for (const node of [from, to]) await node.admin().call('CLUSTER', 'SETSLOT', slot, 'STABLE');
  });
});
