import { describe, expect, it } from 'vitest';
import { configuration } from '../../../harness/checkers/configuration.ts';
import { consistency } from '../../../harness/checkers/consistency.ts';
import { coverage } from '../../../harness/checkers/coverage.ts';
import { expectations, isMet } from '../../../harness/checkers/expectations.ts';
import { checkers } from '../../../harness/checkers/index.ts';
import { replication } from '../../../harness/checkers/replication.ts';
import type { ExpectationEvent } from '../../../harness/history/events.ts';
import {
  buildContext,
  buildEnvironment,
  buildHistory,
  type Events,
  figureNumber,
  finalRead,
  observation,
  writes,
} from './history-builders.ts';

describe('expectations', () => {
  const expectation = (
    relation: ExpectationEvent['relation'],
    expected: unknown,
    actual: unknown,
    id = 'x',
  ) => ({ type: 'expect', id, what: 'a thing', relation, expected, actual, atUs: 1 }) as ExpectationEvent;
  const held = (event: ExpectationEvent) =>
    figureNumber(expectations.check(buildHistory(event), buildContext()), 'held');

  it.each([
    ['equals', { a: 1, b: [2, null] }, { b: [2, null], a: 1 }, 1],
    ['equals', [1, 2], [2, 1], 0],
    ['equals', 1, '1', 0],
    ['equals', null, null, 1],
    ['at-most', 5, 5, 1],
    ['at-most', 5, 5.1, 0],
    ['at-least', 5, 5, 1],
    ['at-least', 5, 4, 0],
    ['below', 5, 4.9, 1],
    ['below', 5, 5, 0],
    ['above', 5, 6, 1],
    ['above', 5, 5, 0],
    ['at-most', 5, null, 0],
    ['at-most', 5, '4', 0],
  ] as const)('compares by the relation: %s %j, got %j: %d', (relation, expected, actual, result) => {
    expect(held(expectation(relation, expected, actual))).toBe(result);
  });

  it('fails for an unknown relation', () => {
    const unknown = expectation('toString' as 'above', 1, 2);
    expect(isMet(unknown)).toBe(false);
    expect(() => held(unknown)).toThrow(/expect\.relation must be one of equals/);
  });

  it('names the expected and the actual value, with a figure per id', () => {
    const finding = expectations.check(
      buildHistory(
        expectation('at-most', 500, 900, 'took'),
        expectation('equals', 'a', 'a', 'value'),
        expectation('equals', 'a', 'b', 'value'),
      ),
      buildContext(),
    );
    expect(finding.validity).toBe('invalid');
    expect(finding.reasons).toEqual([
      'held: took: a thing (expected <= 500, got 900), value: a thing (expected "a", got "b")',
    ]);
    expect(finding.figures).toMatchObject({ held: { successes: 1, n: 3 }, value: { successes: 1, n: 2 } });
  });

  it('is not measured if an expectation of the drill is missing, and still reports failed expectations', () => {
    const check = (...events: readonly Events[]) =>
      expectations.check(buildHistory(...events), buildContext({ expected: ['first', 'second'] }));
    const first = expectation('equals', 1, 1, 'first');
    expect(check(first, expectation('equals', 1, 1, 'second')).validity).toBe('valid');
    expect(check(first).figures).not.toHaveProperty('held');
    expect(check(first).unmeasured?.held).toBe('1 of 2 expectations were not recorded: second');
    expect(check(expectation('equals', 1, 2, 'first')).validity).toBe('invalid');
  });

  it('is not measured when an undeclared expectation is recorded', () => {
    const finding = expectations.check(
      buildHistory(expectation('equals', 1, 1, 'first'), expectation('equals', 1, 1, 'more')),
      buildContext({ expected: ['first'] }),
    );
    expect(finding.unmeasured?.held).toBe(
      '1 expectations were recorded that the drill does not declare: more',
    );
  });

  it('computes a ratio per group of ids, only from the expectations of the group', () => {
    const finding = expectations.check(
      buildHistory(expectation('equals', 1, 1, 'ttl/set'), expectation('equals', 1, 2, 'load/once')),
      buildContext({ expected: ['ttl/set', 'ttl/wrap', 'load/once'] }),
    );
    expect(finding.figures['held.load']).toMatchObject({ successes: 0, n: 1 });
    expect(finding.figures.held).toMatchObject({ successes: 1, n: 2 });
    expect(finding.figures).not.toHaveProperty(['held.ttl']);
    expect(finding.unmeasured).toEqual({ 'held.ttl': '1 of 2 expectations were not recorded: ttl/wrap' });
    expect(finding.reasons[0]).toBe('held.load: load/once: a thing (expected 1, got 2)');
  });

  it('is not measured without expectations', () => {
    expect(expectations.check(buildHistory(writes(0, 1)), buildContext()).validity).toBe('unknown');
  });
});

describe('consistency', () => {
  const check = (...events: readonly Events[]) => consistency.check(buildHistory(...events), buildContext());
  const written = writes(0, 300);

  it('finds no difference when every replica has the data of the master', () => {
    const finding = check(
      finalRead(written),
      finalRead(written, {}, 'redis-1', 'replica'),
      finalRead(written, {}, 'redis-3', 'replica'),
    );
    expect(finding.figures).toMatchObject({ differences: { value: 0 }, compared: { value: 6 } });
  });

  it('detects a missing key and a different value, and names the key and the node', () => {
    const finding = check(
      finalRead(written),
      finalRead(written, { 'w:0': null, 'w:100': 'other' }, 'redis-3', 'replica'),
      finalRead(writes(0, 200), {}, 'redis-1', 'replica'),
    );
    expect(finding.validity).toBe('invalid');
    expect(figureNumber(finding, 'differences')).toBe(3);
    expect(finding.reasons.join()).toMatch(/w:0 on redis-3/);
  });

  it('does not count keys as compared if they have no value on any node', () => {
    const nothing = { 'w:0': null, 'w:100': null, 'w:200': null };
    const half = check(
      finalRead(written, { 'w:0': null }),
      finalRead(written, { 'w:0': null }, 'redis-1', 'replica'),
    );
    expect(half.figures).toMatchObject({ differences: { value: 0, n: 2 }, compared: { value: 2 } });
    const none = check(finalRead(written, nothing), finalRead(written, nothing, 'redis-1', 'replica'));
    expect(none).toMatchObject({ validity: 'unknown', figures: {} });
    const left = check(finalRead(written, nothing), finalRead(written, {}, 'redis-1', 'replica'));
    expect(left).toMatchObject({ validity: 'invalid', figures: { differences: { value: 3 } } });
  });

  it('is not measured without both a master and a replica, and is invalid with two masters', () => {
    expect(check(finalRead(written)).validity).toBe('unknown');
    expect(check(finalRead(written, {}, 'redis-1', 'replica')).validity).toBe('unknown');
    expect(check(finalRead(written), finalRead(written, {}, 'redis-1')).validity).toBe('invalid');
  });
});

describe('replication', () => {
  it('reports the measured lag and the lag that Redis reports', () => {
    const finding = replication.check(
      buildHistory(
        observation('workload', 'replication-lag', 1, { lagMs: 2 }, { node: 'redis-2' }),
        observation('workload', 'replication-lag', 2, { lagMs: 4 }, { node: 'redis-3' }),
        observation('info', 'sample', 3, { lagSeconds: 1 }, { node: 'redis-1' }),
      ),
      buildContext(),
    );
    expect(finding.figures).toMatchObject({
      lagMs: { distribution: { max: 4 } },
      reportedLagSeconds: { value: 1 },
    });
    expect(replication.check(buildHistory(writes(0, 1)), buildContext()).validity).toBe('unknown');
  });
});

describe('coverage', () => {
  it('reads lines and branches, and is not measured with only one of them', () => {
    const data = { linesCovered: 90, linesTotal: 100, branchesCovered: 7, branchesTotal: 10 };
    const stamp = { ofCommit: 'c0ffee', runCommit: 'c0ffee', isOfSummary: true };
    const finding = coverage.check(
      buildHistory(observation('process', 'coverage', 0, { ...data, ...stamp })),
      buildContext(),
    );
    expect(finding.validity).toBe('valid');
    const stale = observation('process', 'coverage', 0, { ...data, ...stamp, ofCommit: '0ther' });
    expect(coverage.check(buildHistory(stale), buildContext())).toMatchObject({
      validity: 'unknown',
      reasons: ['the coverage summary belongs to commit 0ther, this run to c0ffee'],
    });
    expect(finding.figures).toMatchObject({ lines: { successes: 90, n: 100 }, branches: { successes: 7 } });
    const half = observation('process', 'coverage', 0, { linesCovered: 1, linesTotal: 1 });
    expect(coverage.check(buildHistory(half), buildContext()).validity).toBe('unknown');
    expect(coverage.check(buildHistory(writes(0, 1)), buildContext()).validity).toBe('unknown');
  });
});

describe('configuration', () => {
  const check = (over: Parameters<typeof buildEnvironment>[0] = {}) =>
    configuration.check(buildHistory(), buildContext({ environment: buildEnvironment(over) }));

  it('finds no deviation in the client of a healthy environment', () => {
    const finding = check();
    expect(finding).toMatchObject({ validity: 'valid', reasons: [] });
    expect(figureNumber(finding, 'asyncLossWindowMs')).toBe(1000);
  });

  it.each([
    ['supervisedClient', { client: { supervision: false } }, /client\.supervision is false/],
    [
      'breaker',
      { client: { breaker: { enabled: false, threshold: 5, openMs: 1000 } } },
      /client\.breaker\.enabled/,
    ],
  ] as const)('reports a deviation of %s, and names the setting', (figure, over, reason) => {
    const finding = check(over as Parameters<typeof buildEnvironment>[0]);
    expect(figureNumber(finding, figure)).toBe(0);
    expect(finding.validity).toBe('invalid');
    expect(finding.reasons.join('; ')).toMatch(reason);
  });

  it('rejects a window that would excuse every lost async write', () => {
    const window = (asyncLossWindowMs: number) => check({ durability: { asyncLossWindowMs } });
    expect(figureNumber(window(5000), 'asyncLossWindowMs')).toBe(5000);
    expect(() => window(5001)).toThrow(/5000/);
  });
});

describe('the checker registry', () => {
  it('has unique ids, and describes what each checker proves', () => {
    expect(new Set(checkers.map(({ id }) => id)).size).toBe(checkers.length);
    expect(checkers.every(({ proves }) => proves.length > 20)).toBe(true);
  });
});
