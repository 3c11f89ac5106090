/** Durable writes during a master change. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect, NotSentError, OutcomeUnknownError } from '../../../client/index.ts';
import { DurableChannel } from '../../../client/transport/durable.ts';
import { Link } from '../../../client/transport/link.ts';
import { RedisProcess, startSentinelSet, waitUntil } from '../../support/redis-process.ts';

describe('durable writes', () => {
  it('are not acknowledged by a master that hung while a replica was promoted', async () => {
    await using set = await startSentinelSet({ downAfterMs: 60_000 });
    const [former, promoted] = set.redis;
    const sentinels = set.sentinels.map(({ address }) => address);
    const connection = connect({ mode: 'sentinel', sentinels, commandTimeoutMs: 3000 });
    onTestFinished(() => connection.close());
    const durability = { replicas: 1, timeoutMs: 1000 };
    await connection.callDurable(durability, 'SET', 'warm', 1);
    former.pause();
    const write = connection.callDurable(durability, 'SET', 'k', 1).catch((error: unknown) => error);
    // A silence shorter than 400 ms counts as a stall, because no failover is faster.
    await waitUntil('a silence that is long enough for a failover', () => {
      const { state } = connection;
      return state.kind === 'suspect' && Date.now() - state.since > 600;
    });
    // The previous master resumes as soon as a replica is promoted. The other replica still confirms its writes.
    await promoted.admin().replicaof('NO', 'ONE');
    former.resume();
    expect(await write).toBeInstanceOf(OutcomeUnknownError);
    expect(connection.state).toMatchObject({ master: promoted.address });
  }, 40_000);

  it('are not delayed by a write that cannot be confirmed, and later writes report the reason', async () => {
    await using master = await RedisProcess.start({ host: '127.61.0.4' });
    const { host, port } = master.address;
    await using _ = await RedisProcess.start({ host, conf: [`replicaof ${host} ${port}`] });
    const connection = connect({ mode: 'standalone', address: master.address, commandTimeoutMs: 500 });
    onTestFinished(() => connection.close());
    const [met, unmet] = [
      { replicas: 1, timeoutMs: 400 },
      { replicas: 2, timeoutMs: 2000 },
    ];
    const write = (durability: typeof met): Promise<unknown> =>
      connection.callDurable(durability, 'SET', 'k', 1);
    await waitUntil('the replica confirms', () =>
      write(met).then(
        () => true,
        () => false,
      ),
    );
    let waiting = true;
    const first = write(unmet)
      .catch((error: unknown) => error)
      .finally(() => {
        waiting = false;
      });
    await waitUntil('the first write waits', async () =>
      (await master.admin().info('clients')).includes('blocked_clients:1'),
    );
    const second = write(unmet).catch((error: unknown) => error);
    for (let i = 0; i < 20; i++) expect(await write(met)).toMatchObject({ replicas: 1 });
    const late = await second;
    expect(late).toBeInstanceOf(NotSentError);
    expect((late as Error).message).toMatch(/earlier writes with the same guarantee are still waiting/);
    expect(waiting).toBe(true);
    expect(await first).toMatchObject({ code: 'DURABILITY', required: 2, confirmed: 1 });
  });

  it('share 8 connections if there are more than 8 different durabilities', async () => {
    await using redis = await RedisProcess.start({ host: '127.61.0.4' });
    const connection = connect({ mode: 'standalone', address: redis.address, commandTimeoutMs: 3000 });
    onTestFinished(() => connection.close());
    const promises = Array.from({ length: 12 }, (_, i) => ({ replicas: 1, timeoutMs: 300 + i }));
    const writes = promises.map((durability) =>
      connection.callDurable(durability, 'INCR', 'k').catch((error: unknown) => error),
    );
    for (const result of await Promise.all(writes)) expect(result).toMatchObject({ code: 'DURABILITY' });
    expect(await connection.call('GET', 'k')).toBe('12');
    const clients = String(await redis.admin().call('CLIENT', 'LIST'));
    expect(clients.match(/name=redis-cache-kit/g)).toHaveLength(9);
  });

  it('do not wait indefinitely for a previous master', async () => {
    await using redis = await RedisProcess.start({ host: '127.61.0.4' });
    const link = await Link.open({
      address: redis.address,
      username: undefined,
      password: undefined,
      db: 0,
      tls: undefined,
      timeoutMs: 1000,
    });
    const channel = new DurableChannel({
      commandTimeoutMs: 1000,
      refused: () => {},
      why: () => 'no reason',
    });
    onTestFinished(() => channel.close());
    channel.attach(() => Promise.resolve(link));
    const write = (key: string, deadline: number): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const durability = { replicas: 1, timeoutMs: 20_000 };
        channel.submit({ durability, command: 'SET', args: [key, 1], deadline, resolve, reject });
      }).catch((error: unknown) => error);
    const first = write('first', performance.now() + 1000);
    await waitUntil(
      'the first write waits for replicas',
      async () => (await redis.admin().exists('first')) === 1,
    );
    channel.detach('another node is master', true);
    expect(await first).toBeInstanceOf(OutcomeUnknownError);
  });
});
