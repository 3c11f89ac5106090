import { describe, expect, it } from 'vitest';
import { drills } from '../../../harness/drills/index.ts';
import { gapsOf, requiredExpectations } from '../../../harness/judge/obligations.ts';
import {
  buildEnvironment,
  buildHistory,
  type Events,
  fault,
  op,
  writes,
} from '../checkers/history-builders.ts';

const DRILL = { id: 'a-drill', title: 'a drill', family: 'failover', safeOutcome: 'it holds' } as const;
const place = { environment: buildEnvironment(), substrate: 'local' };

describe('expectations of a trial', () => {
  it('are declared once and required for every node of the environment', () => {
    const expectations = ['all', '{redis}-equal', '{node}-closed', '{replica}-link', '{sentinel}-agrees'];
    expect(requiredExpectations({ ...DRILL, expectations }, place)).toEqual([
      'all',
      ...['redis-1-equal', 'redis-2-equal', 'redis-3-equal'],
      ...['redis-1', 'redis-2', 'redis-3', 'sentinel-1', 'sentinel-2', 'sentinel-3'].map(
        (id) => `${id}-closed`,
      ),
      ...['replica-1-link', 'replica-2-link'],
      ...['sentinel-1-agrees', 'sentinel-2-agrees', 'sentinel-3-agrees'],
    ]);
  });

  it('may be limited to a topology, a substrate or a promise', () => {
    const expectations = ['cluster?slots', 'sentinel+local?seen', 'docker?image', 'durability?kept'];
    expect(requiredExpectations({ ...DRILL, expectations }, place)).toEqual(['seen', 'kept']);
  });

  it('exclude those that the drill does not require on an external Redis', () => {
    const drill = { ...DRILL, expectations: ['{redis}-seen', 'clear'], external: { except: ['clear'] } };
    expect(requiredExpectations(drill, { ...place, substrate: 'external' })).toEqual(['redis-1-seen']);
  });

  it('contain no unknown placeholder', () => {
    const known = ['redis', 'sentinel', 'node', 'replica'];
    for (const { expectations = [] } of drills) {
      for (const id of expectations) expect(known).toContain(/\{(\w+)\}/.exec(id)?.[1] ?? 'node');
    }
  });
});

describe('gaps in a trial', () => {
  const gaps = (drill: Partial<Parameters<typeof gapsOf>[0]>, ...events: readonly Events[]) =>
    gapsOf({ ...DRILL, ...drill }, buildHistory(...events), 'kit', place);

  it('include faults whose effect or healing was not observed', () => {
    const drill = { faults: [{ fault: 'pause' }, { fault: 'pause' }] };
    const twice = [fault(1000, 1500, 'redis-1', 'pause'), fault(3000, 3500, 'redis-1', 'pause')];
    expect(gaps(drill, writes(0, 100), twice)).toEqual([]);
    expect(gaps(drill, writes(0, 100))).toEqual(['pause took effect 0 of 2 times']);
    expect(gaps(drill, fault(1000, 1500, 'redis-1', 'pause'))).toEqual(['pause took effect 1 of 2 times']);
    expect(
      gaps(drill, fault(1000, 1500, 'redis-1', 'pause'), fault(3000, undefined, 'redis-1', 'pause')),
    ).toEqual(['pause was not observed to heal']);
    expect(gaps(drill, fault(1000, 1500), fault(3000, 3500))).toEqual(['pause took effect 0 of 2 times']);
  });

  it('include kinds of operations without any reply', () => {
    const drill = { operations: ['set', 'durable set', 'get'] };
    const durable = { durability: { replicas: 1, timeoutMs: 1000 } };
    const [set, kept, get] = [
      writes(0, 100),
      writes(0, 100, 10, durable),
      op({ at: 5, done: 6, kind: 'get', key: 'w:0' }),
    ];
    expect(gaps(drill, set, kept, get)).toEqual([]);
    expect(gaps(drill, set, get)).toEqual(['none of these operations of kit was answered: durable set']);
    expect(gaps(drill, kept)).toEqual(['none of these operations of kit was answered: set, get']);
    const refused = op({ at: 5, done: 6, kind: 'get', key: 'w:0', outcome: 'fail', code: 'NOPERM' });
    expect(gaps(drill, set, kept, refused)).toEqual(['none of these operations of kit was answered: get']);
    const other = op({ at: 5, done: 6, kind: 'get', key: 'w:0', client: 'ioredis' });
    expect(gaps(drill, set, kept, other)).toEqual(['none of these operations of kit was answered: get']);
  });

  it('exclude durable writes if the environment does not promise them', () => {
    const plain = buildEnvironment({ durability: { durableWrites: 'async' } });
    const drill = { ...DRILL, operations: ['durable set'] };
    expect(gapsOf(drill, buildHistory(writes(0, 100)), 'kit', { ...place, environment: plain })).toEqual([]);
  });
});
