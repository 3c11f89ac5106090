/** Checkers on the history of a cluster: a fault, and its excuses, apply to its own shard alone. */
import { describe, expect, it } from 'vitest';
import { consistency } from '../../../harness/checkers/consistency.ts';
import { finalMaster, promotionAfter } from '../../../harness/checkers/history-queries.ts';
import { lostWrites } from '../../../harness/checkers/lost-writes.ts';
import { recovery } from '../../../harness/checkers/recovery.ts';
import type { HistoryEvent } from '../../../harness/history/events.ts';
import { context, fault, final, history, number, op, sample, seen, writes } from './history-builders.ts';

const of = (shard: string, events: readonly HistoryEvent[]) =>
  events.map((event) => (event.type === 'fault' || event.type === 'final' ? { ...event, shard } : event));
/** One write per key, so that a key identifies its shard. */
const keyed = (prefix: string, from: number, to: number) =>
  Array.from({ length: (to - from) / 100 }, (_, i) => {
    const at = from + i * 100;
    return op({ at, done: at + 1, key: `${prefix}:${at}`, value: `v${at}` });
  }).flat();
const held = (shard: string, node: string, written: readonly HistoryEvent[], over = {}) =>
  of(shard, [final(written, over, node)]);

/** redis-1 dies at 1 s, redis-4 takes over at 3 s. The other masters do not change. */
const crash = [
  sample('redis-1', 0, { role: 'master' }),
  sample('redis-2', 0, { role: 'master' }),
  sample('redis-4', 0, { role: 'slave' }),
  ...of('redis-1', fault(1_000, 4_000)),
  sample('redis-2', 1_100, { role: 'master' }),
  seen('info', 'role', 3_000, { role: 'master' }, { node: 'redis-4' }),
];

describe('a promotion in a cluster', () => {
  it('is that of a node that was no master before, and not a client that was sent to another shard', () => {
    const moved = seen('client', 'moved', 1_200, {});
    expect(promotionAfter(history(crash, moved), 1_000_000, 'redis-1')).toBe(3_000_000);
  });
});

describe('writes that are lost in a cluster', () => {
  const struck = keyed('a', 0, 2_000);
  const other = keyed('b', 0, 2_000);

  it('are excused in the shard that was struck', () => {
    const found = lostWrites.check(
      history(
        crash,
        struck,
        other,
        held('redis-1', 'redis-4', struck, { 'a:900': null }),
        held('redis-2', 'redis-2', other),
      ),
      context(),
    );
    expect(found.validity).toBe('valid');
    expect(number(found, 'asyncLost')).toBe(1);
    expect(number(found, 'asyncLostBeyondWindow')).toBe(0);
  });

  it('are not excused in another shard, at the same moment', () => {
    const found = lostWrites.check(
      history(
        crash,
        struck,
        other,
        held('redis-1', 'redis-4', struck),
        held('redis-2', 'redis-2', other, { 'b:900': null }),
      ),
      context(),
    );
    expect(found.validity).toBe('invalid');
    expect(number(found, 'asyncLostBeyondWindow')).toBe(1);
  });
});

describe('the final read of a cluster', () => {
  it('has a master a shard, and knows which shard has a key', () => {
    const read = finalMaster(
      history(held('redis-1', 'redis-4', [], { x: '1' }), held('redis-2', 'redis-2', [], { y: '2' })),
    );
    expect(
      read.kind === 'read' && [read.entries.size, read.shardOf('x'), read.shardOf('y'), read.shardOf('z')],
    ).toEqual([...[2, 'redis-1', 'redis-2', undefined]]);
  });

  it('with two masters of one shard is a split', () => {
    const read = finalMaster(
      history(held('redis-1', 'redis-1', [], { x: '1' }), held('redis-1', 'redis-4', [], { x: '1' })),
    );
    expect(read).toEqual({ kind: 'several', nodes: ['redis-1', 'redis-4'] });
  });

  it('is compared shard by shard', () => {
    const replica = (shard: string, node: string, over: Record<string, string>) =>
      of(shard, [final([], over, node, 'replica')]);
    const masters = [held('redis-1', 'redis-1', [], { x: '1' }), held('redis-2', 'redis-2', [], { y: '2' })];
    const same = history(
      masters,
      replica('redis-1', 'redis-4', { x: '1' }),
      replica('redis-2', 'redis-5', { y: '2' }),
    );
    expect(number(consistency.check(same, context()), 'differences')).toBe(0);
    const differs = history(
      masters,
      replica('redis-1', 'redis-4', { x: '1' }),
      replica('redis-2', 'redis-5', { y: '3' }),
    );
    expect(consistency.check(differs, context()).reasons).toEqual([
      '1 differ from their master: y on redis-5',
    ]);
  });
});

describe('the recovery of a cluster', () => {
  it('is that of the shard that was struck, whatever the others do meanwhile', () => {
    const before = keyed('a', 0, 1_000);
    const after = keyed('a', 3_500, 6_000);
    const other = keyed('b', 0, 6_000);
    const found = recovery.check(
      history(
        crash,
        before,
        after,
        other,
        held('redis-1', 'redis-4', [...before, ...after]),
        held('redis-2', 'redis-2', other),
      ),
      context(),
    );
    expect(number(found, 'recoveryMs')).toBe(2_501);
    expect(number(found, 'writeGapMs')).toBe(2_600);
    // Outside a cluster every write counts.
    expect(
      number(recovery.check(history(fault(1_000, 4_000), writes(0, 6_000)), context()), 'recoveryMs'),
    ).toBe(101);
  });
});
