import { describe, expect, it } from 'vitest';
import type { Criterion } from '../../../harness/gates/gate.ts';
import { sourceOf } from '../../../harness/reports/suites.ts';
import {
  claimOf,
  cleanText,
  formatBound,
  formatBytes,
  formatGap,
  formatInstant,
  formatMeasured,
  formatMs,
  formatNumber,
  formatQuantity,
  formatTarget,
  workloadsOf,
} from '../../../harness/reports/wording.ts';
import { goReport } from './example-report.ts';

function criterion(changes: Partial<Criterion>): Criterion {
  const [first] = goReport().verdict.criteria;
  if (first === undefined) throw new Error('the example must have criteria');
  return { ...first, ...changes };
}

describe('numbers', () => {
  it.each([
    [0, '0'],
    [7, '7'],
    [240, '240'],
    [1234567, '1,234,567'],
    [-1234, '−1,234'],
    [0.1 + 0.2, '0.3'],
    [12.345, '12.3'],
    [240.4, '240'],
    [9876.5, '9,877'],
    [0.012345, '0.0123'],
    [1e-9, '1.0e−9'],
    [Number.POSITIVE_INFINITY, '∞'],
    [Number.NaN, '–'],
  ])('%d is shown as %s', (value, shown) => {
    expect(formatNumber(value)).toBe(shown);
  });

  it.each([
    [0.42, '0.42 ms'],
    [850, '850 ms'],
    [12_400, '12.4 s'],
  ])('%d ms is shown as %s', (ms, shown) => {
    expect(formatMs(ms)).toBe(shown);
  });

  it('are shown as percentages if they are ratios, and never as 100 % if they are below 1', () => {
    expect(formatQuantity(0.8, 'ratio')).toBe('80 %');
    expect(formatQuantity(1, 'ratio')).toBe('100 %');
    expect(formatQuantity(0.99999, 'ratio')).toBe('99.999 %');
    expect(formatQuantity(null, 'ms')).toBe('–');
    expect(formatQuantity(12, 'us')).toBe('12 µs');
    expect([0, 1, 2].map((value) => formatQuantity(value, 'boolean'))).toEqual(['no', 'yes', '2 boolean']);
  });

  it('are shown with enough digits to differ from their target', () => {
    const near = criterion({ unit: 'ratio', measured: 0.89996, target: { op: '>=', value: 0.9 } });
    expect(formatMeasured(near)).toBe('89.996 %');
    expect(formatTarget(near)).toBe('≥ 90 %');
    expect(formatMeasured(criterion({ unit: 'ms', measured: 300, target: { op: '<=', value: 300 } }))).toBe(
      '300 ms',
    );
    expect(formatMeasured(criterion({ measured: null }))).toBe('–');
  });

  it('are shown with the confidence and method if they are a bound', () => {
    const bound = { kind: 'lower', value: 0.95, confidence: 0.95, method: 'clopper-pearson' } as const;
    expect(formatBound(bound, 'ratio')).toBe('≥ 95 % at 95 % (clopper-pearson)');
    expect(formatBound(null, 'ms')).toBe('–');
  });

  it('in a write gap share one unit', () => {
    const gap = (min: number, median: number, max: number, deadClients = 0) =>
      formatGap({ writeGapMs: { min, median, max }, deadClients });
    expect(gap(240, 264, 290)).toBe('240 / 264 / 290 ms');
    expect(gap(240, 1200, 7700)).toBe('0.24 / 1.2 / 7.7 s');
    expect(gap(264, 264, 264)).toBe('264 ms');
    expect(gap(264, 264, 264, 1)).toBe('≥ 264 ms');
    expect(gap(240, 1200, 7700, 2)).toBe('0.24 / 1.2 / ≥ 7.7 s');
    expect(formatGap({ writeGapMs: null, deadClients: 0 })).toBe('–');
  });

  it('that count bytes have binary units', () => {
    expect(formatBytes(8 * 1024 ** 3)).toBe('8 GiB');
    expect(formatBytes(512 * 1024 ** 2)).toBe('512 MiB');
  });
});

describe('text', () => {
  it('is stripped of control characters, direction overrides and lone surrogates', () => {
    expect(cleanText('a\u0000b\u001b[31mc\u202ed\ud800e\udc00f\ufeff')).toBe('ab[31mcd\ufffde\ufffdf');
    expect(cleanText('tab\there, line\nthere, 🟢')).toBe('tab\there, line\nthere, 🟢');
  });

  it('shows instants in UTC, and invalid ones unchanged', () => {
    expect(formatInstant('2026-11-21T01:14:04.123Z')).toBe('2026-11-21 01:14:04 UTC');
    expect(formatInstant('soon')).toBe('soon');
  });
});

describe('a criterion', () => {
  it.each([
    ['C4; 002 Availability', 'C4', 'Service level targets'],
    ['004 §3 Security; 002 Redis password', '004', 'Readiness criteria'],
    ['A3; C4', 'A', 'Provisioning and configuration'],
    ['E2; C2', 'E', 'Redis Cluster and further environments'],
    ['client/README.md, Loads', 'client/README.md', 'Documented behaviour of the cache client'],
    ['redis/ioredis#1021', 'redis/ioredis#1021', 'redis/ioredis#1021'],
    ['D-team objective 7', 'D-team objective 7', 'D-team objective 7'],
    ['', 'other', 'other'],
  ])('with the source %s belongs to %s', (source, id, title) => {
    expect(sourceOf(criterion({ source }))).toEqual({ id, title });
  });

  it('has a claim that omits the value and the target', () => {
    expect(claimOf(criterion({ reason: '0 writes, target == 0 writes; 20 of 20 trials observed' }))).toBe(
      '20 of 20 trials observed',
    );
    expect(claimOf(criterion({ reason: 'the drill was not run; run it' }))).toBe(
      'the drill was not run; run it',
    );
  });

  it('lists all of its drills', () => {
    const { scope } = criterion({});
    const about = (workload: string) => workloadsOf(criterion({ scope: { ...scope, workload } }));
    expect(about('steady, zipf-100')).toEqual(['steady', 'zipf-100']);
    expect(about('')).toEqual([]);
  });
});
