/** The connection to a real cluster whose masters fail one after the other. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../../../client/index.ts';
import { slotOf } from '../../../../client/transport/cluster/slot.ts';
import type { ConnectionEvent, SupervisedConnection } from '../../../../client/types.ts';
import { type ClusterSet, startCluster } from '../../../support/cluster.ts';
import { type RedisProcess, waitUntil } from '../../../support/redis-process.ts';
import { WriteLoop } from '../../../support/writer.ts';

let set: ClusterSet;
let connection: SupervisedConnection;
let events: ConnectionEvent[];

function open(): void {
  connection = connect({ mode: 'cluster', nodes: set.nodes.map(({ address }) => address) });
  events = [];
  connection.on((event) => events.push(event));
}

/** Time limit for finding the new master on a busy machine; the drills measure the actual speed. */
const SOON_MS = 5_000;

const waitUntilSettled = (): Promise<void> =>
  waitUntil(
    'all shards are ready',
    () => connection.state.kind === 'ready' && connection.current() !== undefined,
  );

describe('a connection to a cluster whose masters fail', () => {
  let writers: WriteLoop[];
  let test = 0;
  beforeAll(async () => {
    set = await startCluster();
  });
  beforeEach(async () => {
    open();
    await waitUntilSettled();
    test += 1;
    // One writer per master, each with a third of the slots.
    writers = ['{a}', '{b}', '{c}'].map((tag) => new WriteLoop(connection, { prefix: `${tag}${test}` }));
    await waitUntil('writes are acknowledged for a while', () =>
      writers.every(({ acknowledged }) => acknowledged > 350),
    );
  });
  afterEach(async () => {
    for (const node of set.nodes) node.resume();
    await connection.close();
  });
  afterAll(() => set[Symbol.asyncDispose]());

  async function successor(former: RedisProcess): Promise<{ node: RedisProcess; at: number }> {
    const replica = set.nodes[set.nodes.indexOf(former) + 3] as RedisProcess;
    await waitUntil('the replica is promoted', async () => (await replica.role()) === 'master', 20_000);
    return { node: replica, at: performance.now() };
  }
  const wrongOn = async (node: RedisProcess, written: readonly string[]): Promise<readonly string[]> => {
    const values = await Promise.all(written.map((key) => node.admin().get(key)));
    return written.filter((_, i) => values[i] !== 'x');
  };

  it('survives a manual failover without delay', async () => {
    const former = await set.owner(slotOf('{a}'));
    const replica = set.nodes[set.nodes.indexOf(former) + 3] as RedisProcess;
    await replica.admin().call('CLUSTER', 'FAILOVER');
    const promoted = await successor(former);
    const seen = writers[0]?.acknowledged ?? 0;
    await waitUntil('writes are acknowledged again', () => (writers[0]?.acknowledged ?? 0) > seen + 50);
    const results = await Promise.all(writers.map((writer) => writer.stop()));
    expect((results[0]?.gapEndedAt ?? 0) - promoted.at).toBeLessThan(SOON_MS);
    for (const result of results) expect(result.errors).toEqual({});
    expect(await wrongOn(promoted.node, results[0]?.acknowledged ?? [])).toEqual([]);
  });

  it('abandons a hung master when its replica is promoted, and ignores the master when it replies again', async () => {
    const former = await set.owner(slotOf('{b}'));
    former.pause();
    const promoted = await successor(former);
    const seen = writers[1]?.acknowledged ?? 0;
    await waitUntil('writes are acknowledged again', () => (writers[1]?.acknowledged ?? 0) > seen + 50);
    former.resume();
    await waitUntil('the former master follows', async () => (await former.role()) === 'slave');
    const resumed = writers[1]?.acknowledged ?? 0;
    await waitUntil('writes continue', () => (writers[1]?.acknowledged ?? 0) > resumed + 100);
    const [, b] = await Promise.all(writers.map((writer) => writer.stop()));
    expect((b?.gapEndedAt ?? 0) - promoted.at).toBeLessThan(SOON_MS);
    expect(await wrongOn(promoted.node, (b?.acknowledged ?? []).slice(seen + 1))).toEqual([]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'moved' }));
  });

  it('moves to the promoted replica when a master fails, and does not affect the other shards', async () => {
    const former = await set.owner(slotOf('{c}'));
    await former.kill();
    const promoted = await successor(former);
    const seen = writers[2]?.acknowledged ?? 0;
    await waitUntil('writes are acknowledged again', () => (writers[2]?.acknowledged ?? 0) > seen + 50);
    const [other, another, c] = await Promise.all(writers.map((writer) => writer.stop()));
    expect((c?.gapEndedAt ?? 0) - promoted.at).toBeLessThan(SOON_MS);
    for (const each of [other, another]) expect(each?.errors).toEqual({});
    expect(await wrongOn(promoted.node, (c?.acknowledged ?? []).slice(-50))).toEqual([]);
    expect(connection.state.kind).toBe('ready');
  });
});
