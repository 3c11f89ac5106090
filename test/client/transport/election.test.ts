import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../../client/index.ts';
import { ELECTED_HOLD_MS } from '../../../client/transport/failover-announcement.ts';
import type { ConnectionEvent, SupervisedConnection } from '../../../client/types.ts';
import {
  type RedisProcess,
  type SentinelSet,
  startSentinelSet,
  waitUntil,
} from '../../support/redis-process.ts';
import { WriteLoop } from '../../support/writer.ts';

/** After this many writes, all replicas have acknowledged writes, and heartbeats list the replicas. */
const WARM_WRITES = 350;

let set: SentinelSet;
let connection: SupervisedConnection;
let events: ConnectionEvent[];
let writer: WriteLoop;

beforeEach(async () => {
  set = await startSentinelSet({ downAfterMs: 1000 });
  connection = connect({ mode: 'sentinel', sentinels: set.sentinels.map(({ address }) => address) });
  events = [];
  connection.on((event) => events.push(event));
  writer = new WriteLoop(connection, { everyMs: 2 });
  await waitUntil('writes are acknowledged', () => writer.acknowledged > WARM_WRITES);
});
afterEach(async () => {
  for (const node of [...set.redis, ...set.sentinels]) node.resume();
  await writer.stop();
  await connection.close();
  await set[Symbol.asyncDispose]();
});

async function fieldOf(sentinel: RedisProcess, name: string): Promise<string | undefined> {
  const reply = (await sentinel.admin().call('SENTINEL', 'MASTER', 'mymaster')) as string[];
  const at = reply.indexOf(name);
  return at === -1 ? undefined : reply[at + 1];
}

/** Resolves when the failover that the sentinel conducts has reached one of these states. */
const failoverState = (sentinel: RedisProcess, states: readonly string[]): Promise<void> =>
  waitUntil(`failover-state is ${states.join(' or ')}`, async () =>
    states.includes((await fieldOf(sentinel, 'failover-state')) ?? 'none'),
  );

async function lacking(node: RedisProcess, keys: readonly string[]): Promise<readonly string[]> {
  const values = await node.admin().mget(...keys);
  return keys.filter((_, i) => values[i] !== 'x');
}

const moves = (): readonly ConnectionEvent[] => events.filter(({ type }) => type === 'moved');

describe('a failover of a healthy master', () => {
  it('loses no acknowledged write, asynchronous or durable, and moves the connection once', async () => {
    const durable = new WriteLoop(connection, {
      everyMs: 10,
      prefix: 'd',
      durability: { replicas: 1, timeoutMs: 1000 },
    });
    await waitUntil('durable writes are acknowledged', () => durable.acknowledged > 20);
    const former = await set.master();
    await set.sentinels[0].admin().call('SENTINEL', 'FAILOVER', 'mymaster');
    await waitUntil('the connection has moved', () => moves().length > 0);
    const seen = [writer.acknowledged, durable.acknowledged];
    const areOver = async (): Promise<boolean> => {
      const flags = await Promise.all(set.sentinels.map((sentinel) => fieldOf(sentinel, 'flags')));
      const masters = await Promise.all(set.sentinels.map((sentinel) => fieldOf(sentinel, 'ip')));
      return (
        new Set(masters).size === 1 &&
        masters[0] !== former.address.host &&
        flags.every((it) => it === 'master')
      );
    };
    await waitUntil('the sentinels have completed the failover', areOver);
    await waitUntil(
      'writes continue',
      () => writer.acknowledged > (seen[0] ?? 0) + 100 && durable.acknowledged > (seen[1] ?? 0) + 20,
    );
    const [asynchronous, confirmed] = [await writer.stop(), await durable.stop()];
    const [moved] = moves() as [ConnectionEvent & { type: 'moved' }];
    const promoted = set.redis.find(({ address }) => address.host === moved.to.host) as RedisProcess;
    expect(await lacking(promoted, asynchronous.acknowledged)).toEqual([]);
    expect(await lacking(promoted, confirmed.acknowledged)).toEqual([]);
    expect(moves()).toHaveLength(1);
  });

  it('delays writes for a bounded time if no promotion follows, and a later promotion is still detected', async () => {
    const former = await set.master();
    const replicas = set.redis.filter((node) => node !== former);
    for (const replica of replicas) replica.pause();
    await set.sentinels[0].admin().call('SENTINEL', 'FAILOVER', 'mymaster');
    await failoverState(set.sentinels[0], ['wait_promotion']);
    const seen = writer.acknowledged;
    await waitUntil('writes are acknowledged by the old master', () => writer.acknowledged > seen + 100);
    expect(await fieldOf(set.sentinels[0], 'failover-state')).toBe('wait_promotion');
    expect(moves()).toHaveLength(0);
    expect(writer.errors).toEqual({});
    for (const replica of replicas) replica.resume();
    await waitUntil('the connection has moved', () => moves().length > 0);
    await waitUntil('writes continue', () => connection.state.kind === 'ready');
  });

  it('does not delay writes if one sentinel attempts it without votes', async () => {
    const [lonely, ...others] = set.sentinels;
    for (const sentinel of others) sentinel.pause();
    await lonely.admin().call('SENTINEL', 'SET', 'mymaster', 'quorum', '1');
    // The master refuses only the PING of this sentinel, so only this sentinel regards the master as down.
    const [user, password] = ['lonely', 'lonely'];
    await (await set.master())
      .admin()
      .call('ACL', 'SETUSER', user, 'on', `>${password}`, '&*', '-@all', '+info');
    await lonely.admin().call('SENTINEL', 'SET', 'mymaster', 'auth-user', user, 'auth-pass', password);
    await failoverState(lonely, ['wait_start']);
    const seen = writer.acknowledged;
    await waitUntil('writes are acknowledged', () => writer.acknowledged > seen + 500);
    expect(await fieldOf(lonely, 'failover-state')).toBe('wait_start');
    const result = await writer.stop();
    expect(result.gapMs).toBeLessThan(ELECTED_HOLD_MS);
    expect(result.errors).toEqual({});
    expect(moves()).toHaveLength(0);
    expect(connection.state.kind).toBe('ready');
  });
});
