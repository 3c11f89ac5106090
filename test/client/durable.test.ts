/** Durable writes while the master changes under them. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { DurableChannel } from '../../client/connection/durable.ts';
import { Link } from '../../client/connection/link.ts';
import { connect, OutcomeUnknownError } from '../../client/index.ts';
import { RedisProcess, startSentinelSet, until } from '../support/redis.ts';

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
    // Below 400 ms a silence is a stall: no failover is that quick.
    await until('a silence that is long enough for a failover', () => {
      const { state } = connection;
      return state.kind === 'suspect' && Date.now() - state.since > 600;
    });
    // As soon as one is promoted the former master wakes; the other replica still confirms its writes.
    await promoted.admin().replicaof('NO', 'ONE');
    former.resume();
    expect(await write).toBeInstanceOf(OutcomeUnknownError);
    expect(connection.state).toMatchObject({ master: promoted.address });
  }, 40_000);

  it('do not wait for ever on a master that was left', async () => {
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
    await until('the first waits for replicas', async () => (await redis.admin().exists('first')) === 1);
    channel.detach('another node is master', true);
    expect(await first).toBeInstanceOf(OutcomeUnknownError);
  });
});
