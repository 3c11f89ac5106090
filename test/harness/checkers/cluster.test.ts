/** Checkers applied to the history of a cluster: a fault excuses failures only in its own shard. */
import { describe, expect, it } from 'vitest';
import { consistency } from '../../../harness/checkers/consistency.ts';
import { finalMaster, promotionAfter } from '../../../harness/checkers/history-queries.ts';
import { lostWrites } from '../../../harness/checkers/lost-writes.ts';
import { recovery } from '../../../harness/checkers/recovery.ts';
import type { HistoryEvent } from '../../../harness/history/events.ts';
import {
  buildContext,
  buildHistory,
  fault,
  figureNumber,
  finalRead,
  infoSample,
  observation,
  op,
  writes,
} from './history-builders.ts';

const inShard = (shard: string, events: readonly HistoryEvent[]) =>
  events.map((event) => (event.type === 'fault' || event.type === 'final' ? { ...event, shard } : event));
/** Writes, each to its own key. The prefix of the key identifies the shard. */
const keyed = (prefix: string, from: number, to: number) =>
  Array.from({ length: (to - from) / 100 }, (_, i) => {
    const at = from + i * 100;
    return op({ at, done: at + 1, key: `${prefix}:${at}`, value: `v${at}` });
  }).flat();
const finalReadOf = (shard: string, node: string, written: readonly HistoryEvent[], over = {}) =>
  inShard(shard, [finalRead(written, over, node)]);

/** redis-1 fails at 1 s, and redis-4 takes over at 3 s. The other masters do not change. */
const crash = [
  infoSample('redis-1', 0, { role: 'master' }),
  infoSample('redis-2', 0, { role: 'master' }),
  infoSample('redis-4', 0, { role: 'slave' }),
  ...inShard('redis-1', fault(1_000, 4_000)),
  infoSample('redis-2', 1_100, { role: 'master' }),
  observation('info', 'role', 3_000, { role: 'master' }, { node: 'redis-4' }),
];

describe('a promotion in a cluster', () => {
  it('is detected for a new master, but not for a client that was redirected to another shard', () => {
    const moved = observation('client', 'moved', 1_200, {});
    expect(promotionAfter(buildHistory(crash, moved), 1_000_000, 'redis-1')).toBe(3_000_000);
  });
});

describe('lost writes in a cluster', () => {
  const struck = keyed('a', 0, 2_000);
  const other = keyed('b', 0, 2_000);

  it('are excused in the failed shard', () => {
    const found = lostWrites.check(
      buildHistory(
        crash,
        struck,
        other,
        finalReadOf('redis-1', 'redis-4', struck, { 'a:900': null }),
        finalReadOf('redis-2', 'redis-2', other),
      ),
      buildContext(),
    );
    expect(found.validity).toBe('valid');
    expect(figureNumber(found, 'asyncLost')).toBe(1);
    expect(figureNumber(found, 'asyncLostBeyondWindow')).toBe(0);
  });

  it('are not excused in a shard without a fault', () => {
    const found = lostWrites.check(
      buildHistory(
        crash,
        struck,
        other,
        finalReadOf('redis-1', 'redis-4', struck),
        finalReadOf('redis-2', 'redis-2', other, { 'b:900': null }),
      ),
      buildContext(),
    );
    expect(found.validity).toBe('invalid');
    expect(figureNumber(found, 'asyncLostBeyondWindow')).toBe(1);
  });
});

describe('the final read of a cluster', () => {
  it('has one master per shard, and assigns each key to its shard', () => {
    const history = buildHistory(
      finalReadOf('redis-1', 'redis-4', [], { x: '1' }),
      finalReadOf('redis-2', 'redis-2', [], { y: '2' }),
      op({ at: 1, done: 2, kind: 'get', key: 'z' }),
    );
    const read = finalMaster(history);
    const shardOf = (key: string) =>
      read.kind === 'read' ? read.entries.shardOf(Number(history.keys.numberOf(key))) : 'no read';
    expect(read.kind === 'read' && [...read.entries.keyNumbers()]).toHaveLength(2);
    expect(['x', 'y', 'z'].map(shardOf)).toEqual(['redis-1', 'redis-2', undefined]);
  });

  it('reports two masters in one shard as a split', () => {
    const read = finalMaster(
      buildHistory(
        finalReadOf('redis-1', 'redis-1', [], { x: '1' }),
        finalReadOf('redis-1', 'redis-4', [], { x: '1' }),
      ),
    );
    expect(read).toEqual({ kind: 'several', nodes: ['redis-1', 'redis-4'] });
  });

  it('is compared shard by shard', () => {
    const replica = (shard: string, node: string, over: Record<string, string>) =>
      inShard(shard, [finalRead([], over, node, 'replica')]);
    const masters = [
      finalReadOf('redis-1', 'redis-1', [], { x: '1' }),
      finalReadOf('redis-2', 'redis-2', [], { y: '2' }),
    ];
    const same = buildHistory(
      masters,
      replica('redis-1', 'redis-4', { x: '1' }),
      replica('redis-2', 'redis-5', { y: '2' }),
    );
    expect(figureNumber(consistency.check(same, buildContext()), 'differences')).toBe(0);
    const differs = buildHistory(
      masters,
      replica('redis-1', 'redis-4', { x: '1' }),
      replica('redis-2', 'redis-5', { y: '3' }),
    );
    expect(consistency.check(differs, buildContext()).reasons).toEqual([
      '1 differ from their master: y on redis-5',
    ]);
  });
});

describe('recovery in a cluster', () => {
  it('is measured in the failed shard, independently of the others', () => {
    const before = keyed('a', 0, 1_000);
    const after = keyed('a', 3_500, 6_000);
    const other = keyed('b', 0, 6_000);
    const found = recovery.check(
      buildHistory(
        crash,
        before,
        after,
        other,
        finalReadOf('redis-1', 'redis-4', [...before, ...after]),
        finalReadOf('redis-2', 'redis-2', other),
      ),
      buildContext(),
    );
    expect(figureNumber(found, 'recoveryMs')).toBe(2_501);
    expect(figureNumber(found, 'writeGapMs')).toBe(2_600);
    // Outside a cluster, every write counts.
    expect(
      figureNumber(
        recovery.check(buildHistory(fault(1_000, 4_000), writes(0, 6_000)), buildContext()),
        'recoveryMs',
      ),
    ).toBe(101);
  });
});
