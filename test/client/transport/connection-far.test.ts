/**
 * Slow networks, and sentinels that were recreated: the client must not treat either as a node failure, and must
 * recover from both.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../../client/index.ts';
import type { SentinelView } from '../../../client/transport/sentinel-monitor.ts';
import { TopologyHistory } from '../../../client/transport/topology-history.ts';
import type { ConnectionEvent, RedisOptions, SupervisedConnection } from '../../../client/types.ts';
import { startDelayRelay } from '../../support/delay-relay.ts';
import { findFreePort, RedisProcess, waitUntil } from '../../support/redis-process.ts';

const host = '127.61.0.6';
const monitoring = (port: number, epoch: number): readonly string[] => [
  `sentinel monitor mymaster ${host} ${port} 1`,
  'sentinel down-after-milliseconds mymaster 60000',
  `sentinel config-epoch mymaster ${epoch}`,
];

function open(options: RedisOptions): { connection: SupervisedConnection; events: ConnectionEvent[] } {
  const connection = connect(options);
  onTestFinished(() => connection.close());
  const events: ConnectionEvent[] = [];
  connection.on((event) => events.push(event));
  return { connection, events };
}

describe('a connection over a network with a round trip of 540 ms', () => {
  const slowNetwork = { connectTimeoutMs: 5000, commandTimeoutMs: 5000 };

  it('reaches a server without suspecting it', async () => {
    await using redis = await RedisProcess.start({ host, password: 'secret' });
    await using relay = await startDelayRelay(redis.address, 270);
    const { connection, events } = open({
      mode: 'standalone',
      address: relay.address,
      password: 'secret',
      ...slowNetwork,
    });
    expect(await connection.call('SET', 'k', 1)).toBe('OK');
    expect(await connection.call('GET', 'k')).toBe('1');
    expect(events.map(({ type }) => type)).toEqual(['ready']);
  });

  it('reaches a master through its sentinels', async () => {
    await using redis = await RedisProcess.start({ host });
    await using master = await startDelayRelay(redis.address, 270);
    await using node = await RedisProcess.start({
      host,
      sentinel: true,
      conf: monitoring(redis.address.port, 0),
    });
    await using sentinel = await startDelayRelay(node.address, 270);
    const { connection, events } = open({
      mode: 'sentinel',
      sentinels: [sentinel.address],
      natMap: { [`${host}:${redis.address.port}`]: master.address },
      ...slowNetwork,
    });
    await waitUntil('the connection is ready', () => connection.state.kind === 'ready', 8000);
    expect(await connection.call('SET', 'k', 1)).toBe('OK');
    expect(events.map(({ type }) => type)).toEqual(['ready']);
  });
});

describe('sentinels that announce a different name for the master', () => {
  it('do not make the connection move', async () => {
    const local = '127.0.0.1';
    await using redis = await RedisProcess.start({ host: local });
    const port = await findFreePort(local);
    const start = (name: string, epoch: number): Promise<RedisProcess> =>
      RedisProcess.start({
        host: local,
        port,
        sentinel: true,
        conf: [
          'sentinel resolve-hostnames yes',
          'sentinel announce-hostnames yes',
          `sentinel monitor mymaster ${name} ${redis.address.port} 1`,
          `sentinel config-epoch mymaster ${epoch}`,
        ],
      });
    const { connection, events } = open({ mode: 'sentinel', sentinels: [{ host: local, port }] });
    {
      await using _ = await start(local, 1);
      await waitUntil('the connection is ready', () => connection.state.kind === 'ready');
    }
    await using _ = await start('localhost', 2);
    const named = (): string | undefined => connection.sentinels?.()?.master?.host;
    await waitUntil('the other name is known', () => named() === 'localhost');
    await waitUntil('the connection is ready again', () => connection.state.kind === 'ready');
    expect(await connection.call('SET', 'k', 1)).toBe('OK');
    expect(events.map(({ type }) => type)).toEqual(['ready', 'suspect', 'ready']);
    expect(connection.current()?.options.host).toBe(local);
  });
});

describe('sentinels that were recreated with lower epochs', () => {
  it('are accepted after a settling time', async () => {
    await using former = await RedisProcess.start({ host });
    await using restored = await RedisProcess.start({ host });
    const port = await findFreePort(host);
    const sentinel = { host, port, sentinel: true };
    const { connection } = open({ mode: 'sentinel', sentinels: [{ host, port }] });
    {
      await using _ = await RedisProcess.start({ ...sentinel, conf: monitoring(former.address.port, 7) });
      await waitUntil('the connection is ready', () => connection.state.kind === 'ready');
    }
    await former.kill();
    await using _ = await RedisProcess.start({ ...sentinel, conf: monitoring(restored.address.port, 0) });
    await waitUntil('the connection has moved', () => connection.state.kind === 'ready', 12_000);
    expect(connection.state).toMatchObject({ master: restored.address });
  });

  const view = (epoch: number, fell: boolean, port = 1): SentinelView => ({
    master: { host: 'n', port },
    epoch,
    troubled: false,
    at: 0,
    fell,
  });
  const adopted = (): TopologyHistory => {
    const history = new TopologyHistory((announced) => announced);
    const role = { kind: 'master', replicas: [] } as const;
    history.adopt({ host: 'n', port: 1 }, role, 'sentinel', [view(7, false)]);
    return history;
  };
  const contestedAfter = (views: readonly SentinelView[], ms: number, later = views): boolean => {
    const history = adopted();
    history.rebase(views, 3, 0);
    history.rebase(later, 3, ms);
    return history.contested(later);
  };

  it('are accepted for another master only if a quorum agrees and the epoch of one of them decreased', () => {
    const [fell, old] = [view(0, true, 2), view(0, false, 2)];
    expect(contestedAfter([fell, old], 5000)).toBe(true);
    expect(contestedAfter([fell, old], 4999)).toBe(false);
    expect(contestedAfter([fell], 5000)).toBe(false);
    expect(contestedAfter([old, old, old], 5000)).toBe(false);
    expect(contestedAfter([fell, fell, view(7, false)], 5000)).toBe(false);
    expect(contestedAfter([fell, fell], 5000, [fell, view(0, true, 3)])).toBe(false);
  });

  it('are accepted at their next failover if they name the same master', () => {
    const history = adopted();
    for (const at of [0, 5000]) history.rebase([view(0, true), view(0, true)], 3, at);
    expect(history.contested([view(0, true)])).toBe(false);
    expect(history.contested([view(1, false, 2)])).toBe(true);
  });
});
