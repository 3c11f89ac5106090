import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../../client/index.ts';
import type { ConnectionEvent, SupervisedConnection } from '../../../client/types.ts';
import {
  type RedisProcess,
  type SentinelSet,
  startSentinelSet,
  waitUntil,
} from '../../support/redis-process.ts';
import { WriteLoop } from '../../support/writer.ts';

/** Time limit for finding the new master on a busy machine. The drills measure the actual time. */
const SOON_MS = 5_000;

let set: SentinelSet;
let connection: SupervisedConnection;
let events: ConnectionEvent[];

async function open(): Promise<void> {
  connection = connect({ mode: 'sentinel', sentinels: set.sentinels.map(({ address }) => address) });
  events = [];
  connection.on((event) => events.push(event));
  expect(await connection.call('PING')).toBe('PONG');
}

/** Resolves when one of the other nodes reports ROLE master. */
async function promotion(former: RedisProcess): Promise<{ node: RedisProcess; at: number }> {
  const others = set.redis.filter((node) => node !== former);
  let node: RedisProcess | undefined;
  await waitUntil(
    'a replica is promoted',
    async () => {
      const roles = await Promise.all(others.map((other) => other.role().catch(() => '')));
      node = others[roles.indexOf('master')];
      return node !== undefined;
    },
    20_000,
  );
  return { node: node as RedisProcess, at: performance.now() };
}

/** Waits until replication has started and a later heartbeat has listed the replicas. */
const knowsReplicas = (): Promise<void> =>
  waitUntil('writes are acknowledged for a while', () => writer.acknowledged > 350, 15_000);

let writer: WriteLoop;

/** Keys that the node does not hold, or to which a write was applied twice. */
async function wrong(node: RedisProcess, keys: readonly string[]): Promise<readonly string[]> {
  const values = keys.length === 0 ? [] : await node.admin().mget(...keys);
  return keys.filter((_, i) => values[i] !== 'x');
}

async function countDoubledWrites(node: RedisProcess): Promise<number> {
  const keys = await node.admin().keys('w:*');
  const values = await node.admin().mget(...keys);
  return values.filter((value) => value !== 'x').length;
}

describe('the supervised connection over sentinels', () => {
  beforeEach(async () => {
    set = await startSentinelSet({ downAfterMs: 1000 });
  });
  afterEach(async () => {
    for (const node of [...set.redis, ...set.sentinels]) node.resume();
    await connection.close();
    await set[Symbol.asyncDispose]();
  });

  it('moves to the promoted replica when the master fails, and repeats no write', async () => {
    await open();
    writer = new WriteLoop(connection);
    await knowsReplicas();
    const former = await set.master();
    await former.kill();
    const promoted = await promotion(former);
    await waitUntil('the new master is adopted', () => connection.state.kind === 'ready');
    const result = await writer.stop();
    expect(result.gapEndedAt - promoted.at).toBeLessThan(SOON_MS);
    expect(await countDoubledWrites(promoted.node)).toBe(0);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['lost', 'moved', 'ready']));
  });

  it('abandons a hung master, and ignores its replies when it resumes', async () => {
    await open();
    writer = new WriteLoop(connection);
    await knowsReplicas();
    const former = await set.master();
    const seen = writer.acknowledged;
    former.pause();
    const promoted = await promotion(former);
    await waitUntil('writes are acknowledged again', () => writer.acknowledged > seen + 20);
    former.resume();
    await waitUntil('the former master answers, as a master', async () => (await former.role()) === 'master');
    const resumed = writer.acknowledged;
    await waitUntil('writes continue', () => writer.acknowledged > resumed + 200);
    const result = await writer.stop();
    expect(result.gapEndedAt - promoted.at).toBeLessThan(SOON_MS);
    expect(result.errors.OUTCOME_UNKNOWN).toBeGreaterThan(0);
    expect(await countDoubledWrites(promoted.node)).toBe(0);
    const after = result.acknowledged.slice(seen + 1);
    expect(await wrong(promoted.node, after)).toEqual([]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'moved', learnedFrom: expect.anything() }));
  });

  it('survives a planned switchover without delay, and no acknowledged write is lost', async () => {
    await open();
    writer = new WriteLoop(connection, { everyMs: 2 });
    await knowsReplicas();
    const former = await set.master();
    const offset = async (node: RedisProcess): Promise<string | undefined> =>
      /master_repl_offset:(\d+)/.exec(await node.admin().info('replication'))?.[1];
    await former.admin().call('CLIENT', 'PAUSE', '5000', 'WRITE');
    await waitUntil(
      'the replicas have all writes',
      async () => new Set(await Promise.all(set.redis.map(offset))).size === 1,
    );
    await set.sentinels[0].admin().call('SENTINEL', 'FAILOVER', 'mymaster');
    const { node, at } = await promotion(former);
    await former.admin().call('REPLICAOF', node.address.host, node.address.port);
    await former
      .admin()
      .call('CLIENT', 'UNPAUSE')
      .catch(() => {});
    const seen = writer.acknowledged;
    await waitUntil('writes are acknowledged by the new master', () => writer.acknowledged > seen + 100);
    const result = await writer.stop();
    expect(result.gapEndedAt - at).toBeLessThan(SOON_MS);
    expect(await wrong(node, result.acknowledged)).toEqual([]);
    expect(await countDoubledWrites(node)).toBe(0);
  });

  it('is not delayed by a hung sentinel, at any position in the list', async () => {
    set.sentinels[0].pause();
    const startedAt = performance.now();
    await open();
    expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
    writer = new WriteLoop(connection);
    await knowsReplicas();
    const former = await set.master();
    await former.kill();
    const promoted = await promotion(former);
    await waitUntil('the new master is adopted', () => connection.state.kind === 'ready');
    expect((await writer.stop()).gapEndedAt - promoted.at).toBeLessThan(SOON_MS);
  });

  it('works and reconnects while all sentinels hang', async () => {
    await open();
    writer = new WriteLoop(connection);
    await knowsReplicas();
    for (const sentinel of set.sentinels) sentinel.pause();
    for (let i = 0; i < 20; i++) {
      await (await set.master()).admin().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await waitUntil('the loss is detected', () => events.filter(({ type }) => type === 'lost').length > i);
      const seen = writer.acknowledged;
      await waitUntil('writes continue', () => writer.acknowledged > seen + 5);
    }
    const result = await writer.stop();
    expect(result.gapMs).toBeLessThan(SOON_MS);
    expect(await countDoubledWrites(await set.master())).toBe(0);
    expect(events.filter(({ type }) => type === 'lost').length).toBeGreaterThanOrEqual(20);
    expect(events.some(({ type }) => type === 'moved')).toBe(false);
  });

  it('loses no durable write when the master fails', async () => {
    await open();
    writer = new WriteLoop(connection, { durability: { replicas: 1, timeoutMs: 500 } });
    await knowsReplicas();
    const former = await set.master();
    await former.kill();
    const { node } = await promotion(former);
    const seen = writer.acknowledged;
    await waitUntil('durable writes are confirmed again', () => writer.acknowledged > seen + 50, 20_000);
    const result = await writer.stop();
    expect(await wrong(node, result.acknowledged)).toEqual([]);
    expect(await countDoubledWrites(node)).toBe(0);
  });
});

describe('the supervised connection through many failovers', () => {
  beforeEach(async () => {
    set = await startSentinelSet({ downAfterMs: 1000 });
    await open();
    writer = new WriteLoop(connection);
  });
  afterEach(async () => {
    for (const sentinel of set.sentinels) sentinel.resume();
    await connection.close();
    await set[Symbol.asyncDispose]();
  });
  const moves = (): number => events.filter(({ type }) => type === 'moved').length;

  it('survives 25 manual switchovers that no sentinel reports', async () => {
    for (const sentinel of set.sentinels) sentinel.pause();
    for (let i = 0; i < 25; i++) {
      const former = await set.master();
      const next = set.redis.find((node) => node !== former) as RedisProcess;
      const listed = async (): Promise<boolean> =>
        ((await former.admin().call('ROLE')) as [string, number, unknown[]])[2].length > 0;
      await waitUntil('the next node replicates', listed);
      await waitUntil('writes continue', () => connection.state.kind === 'ready');
      const [before, seen] = [moves(), writer.acknowledged];
      await next.admin().call('REPLICAOF', 'NO', 'ONE');
      for (const node of set.redis)
        if (node !== next) await node.admin().call('REPLICAOF', next.address.host, next.address.port);
      await waitUntil('the connection has moved', () => moves() > before);
      await waitUntil('writes continue', () => writer.acknowledged > seen + 5);
    }
    const result = await writer.stop();
    expect(result.slowestMs).toBeLessThan(SOON_MS);
    expect(await countDoubledWrites(await set.master())).toBe(0);
  });

  it('follows failovers requested from a sentinel', async () => {
    for (let i = 0; i < 2; i++) {
      const [before, seen] = [moves(), writer.acknowledged];
      const failover = async (): Promise<boolean> =>
        (await set.sentinels[0]
          .admin()
          .call('SENTINEL', 'FAILOVER', 'mymaster')
          .catch(() => '')) === 'OK';
      await waitUntil('the sentinel starts a failover', failover, 30_000);
      await waitUntil('the connection has moved', () => moves() > before, 30_000);
      await waitUntil('writes continue', () => writer.acknowledged > seen + 5, 30_000);
    }
    const result = await writer.stop();
    expect(connection.state.kind).toBe('ready');
    expect(result.slowestMs).toBeLessThan(SOON_MS);
  });
});
