import { describe, expect, it } from 'vitest';
import { availability } from '../../../harness/checkers/availability.ts';
import { benchmark } from '../../../harness/checkers/benchmark.ts';
import { generator } from '../../../harness/checkers/generator.ts';
import { hitRatio } from '../../../harness/checkers/hit-ratio.ts';
import { latency } from '../../../harness/checkers/latency.ts';
import { memory } from '../../../harness/checkers/memory.ts';
import {
  buildContext,
  buildHistory,
  type Events,
  fault,
  figureNumber,
  infoSample,
  observation,
  op,
  writes,
} from './history-builders.ts';

const window = (startMs: number, endMs: number) =>
  observation('workload', 'window', 0, { startUs: startMs * 1000, endUs: endMs * 1000 }, { client: 'kit' });

describe('latency', () => {
  const check = (...events: readonly Events[]) => latency.check(buildHistory(...events), buildContext());

  it('computes exact distributions by kind, only from the measured window', () => {
    const gets = Array.from({ length: 100 }, (_, i) =>
      op({ at: 1000 + i, done: 1000 + i + (i + 1) / 10, kind: 'get' }),
    );
    const finding = check(
      op({ at: 1, done: 900, kind: 'get' }),
      gets,
      writes(1000, 1100, 10),
      window(1000, 2000),
    );
    expect(finding.figures.get).toMatchObject({ n: 100, distribution: { p50: 5, p99: 9.9, max: 10 } });
    expect(finding.figures.set).toMatchObject({ n: 10, distribution: { max: 1 } });
  });

  it('counts an operation that never completed as lasting until the end of the history', () => {
    const finding = check(op({ at: 0, kind: 'get' }), op({ at: 5000, done: 5001, kind: 'get' }));
    expect(finding.figures.get).toMatchObject({ distribution: { max: 5001 } });
    expect(figureNumber(finding, 'longerThan1s')).toBe(1);
  });

  it('excludes batches and computed values from operations on one key', () => {
    const finding = check(
      writes(0, 100, 10),
      op({ at: 0, done: 40, kind: 'getMany', batch: 100 }),
      op({ at: 0, done: 150, kind: 'getOrCompute', source: 'loader' }),
      op({ at: 0, done: 2, kind: 'getOrCompute' }),
    );
    expect(finding.figures.operation).toMatchObject({ n: 11, distribution: { max: 2 } });
    expect(finding.figures.getMany).toMatchObject({ n: 1 });
  });

  it('is not improved by fast failures or by the memory fallback', () => {
    const slow = Array.from({ length: 10 }, (_, i) => op({ at: i, done: i + 8, kind: 'get' }));
    const refused = Array.from({ length: 990 }, (_, i) =>
      op({ at: i, done: i + 0.1, kind: 'get', outcome: 'fail', code: 'BREAKER_OPEN' }),
    );
    const fallback = Array.from({ length: 990 }, (_, i) =>
      op({ at: i, done: i + 0.1, kind: 'get', source: 'memory' }),
    );
    expect(check(slow, refused).figures.get).toMatchObject({ n: 10, distribution: { min: 8 } });
    expect(check(slow, fallback).figures.get).toMatchObject({ n: 10, distribution: { min: 8 } });
    expect(check(slow, fallback).figures.operation).toMatchObject({ n: 10, distribution: { min: 8 } });
    expect(check(slow, fallback, fault(500, 900)).figures.get).toMatchObject({ n: 1000 });
  });

  it('counts every operation that takes longer than a second, regardless of its outcome', () => {
    const gaveUp = op({ at: 0, done: 1500, kind: 'get', outcome: 'info' });
    expect(figureNumber(check(gaveUp, writes(0, 100)), 'longerThan1s')).toBe(1);
  });

  it('ignores only operations that were never sent', () => {
    const unsent = op({ at: 1, done: 1, kind: 'get', outcome: 'fail', code: 'IN_FLIGHT_BOUND' });
    const finding = check(unsent, writes(0, 20, 10), op({ at: 30, done: 30.5 }));
    expect(finding.figures.get).toBeUndefined();
    expect(finding.figures.set).toMatchObject({ n: 3, samples: Float64Array.of(0.5, 1, 1) });
    expect(check(unsent).validity).toBe('unknown');
  });
});

describe('availability', () => {
  const check = (...events: readonly Events[]) => availability.check(buildHistory(...events), buildContext());

  it('compares a batch key by key, and counts as wrong a value of another key and a reply of the wrong length', () => {
    const keys = ['a', 'b', 'c'];
    const written = [
      op({ at: 0, done: 1, kind: 'setMany', key: 'a', keys: ['a', 'b'], values: ['va', 'vb'] }),
      op({ at: 1, done: 2, kind: 'set', key: 'c', value: 'vc' }),
    ];
    const read = (...answers: readonly (string | null)[]) =>
      check(written, op({ at: 5, done: 6, kind: 'getMany', key: 'a', keys, answers }));
    expect(read('va', null, 'vc')).toMatchObject({
      validity: 'valid',
      figures: { rightBatchValues: { successes: 3, n: 3 } },
    });
    expect(read('va', 'va', 'vc')).toMatchObject({
      validity: 'invalid',
      reasons: [expect.stringContaining('getMany a (wrong)')],
      figures: { rightBatchValues: { successes: 2, n: 3 }, rightValues: { successes: 2, n: 3 } },
    });
    expect(read('va', 'vb').figures.rightBatchValues).toMatchObject({ successes: 0, n: 3 });
    const unanswered = check(written, op({ at: 5, kind: 'getMany', key: 'a', keys }));
    expect(unanswered.figures.rightBatchValues).toBe(undefined);
  });

  it('counts rejected, unanswered, late and wrong operations as failures among the scheduled operations', () => {
    const finding = check(
      op({
        at: 0,
        done: 1,
        kind: 'getOrCompute',
        key: 'c',
        value: 'right',
        answer: 'right',
        deadlineMs: 500,
      }),
      op({
        at: 1,
        done: 600,
        kind: 'getOrCompute',
        key: 'c',
        value: 'right',
        answer: 'right',
        deadlineMs: 500,
      }),
      op({
        at: 2,
        done: 3,
        kind: 'getOrCompute',
        key: 'c',
        value: 'right',
        answer: 'wrong',
        deadlineMs: 500,
      }),
      op({ at: 3, done: 4, kind: 'getOrCompute', key: 'c', value: 'right', outcome: 'fail' }),
      op({ at: 4, kind: 'getOrCompute', key: 'c', value: 'right' }),
      op({ at: 5, done: 6, kind: 'getOrCompute', key: 'c', value: 'right', answer: null }),
      writes(10, 14, 1),
    );
    expect(finding.validity).toBe('invalid');
    expect(finding.figures.getOrComputeAnswered).toMatchObject({ successes: 1, n: 6 });
    expect(finding.figures.answered).toMatchObject({ successes: 5, n: 10 });
    expect(finding.figures.errors).toMatchObject({ successes: 2, n: 10 });
    expect(finding.figures.rightValues).toMatchObject({ successes: 8, n: 10 });
  });

  it('accepts a miss and the value of any write to the key as replies to a get', () => {
    const finding = check(
      op({ at: 0, done: 1, key: 'k', value: 'a' }),
      op({ at: 1, done: 2, key: 'k', value: 'b', outcome: 'info' }),
      op({ at: 5, done: 6, kind: 'get', key: 'k', answer: 'b' }),
      op({ at: 6, done: 7, kind: 'get', key: 'k', answer: null }),
      op({ at: 8, done: 9, kind: 'get', key: 'k', answer: 'c' }),
    );
    expect(finding.figures.rightValues).toMatchObject({ successes: 4, n: 5 });
    expect(finding.reasons.join()).toMatch(/get k \(wrong\)/);
  });

  it('counts a value for a key that was never written as wrong', () => {
    const finding = check(
      writes(0, 3, 1),
      op({ at: 7, done: 8, kind: 'get', key: 'never written', answer: 'x' }),
      op({ at: 8, done: 9, kind: 'get', key: 'never written', answer: null }),
    );
    expect(finding.figures.rightValues).toMatchObject({ successes: 4, n: 5 });
    expect(finding.reasons.join()).toMatch(/get never written \(wrong\)/);
  });

  const computed = (at: number, source: 'redis' | 'memory' | 'loader') =>
    op({ at, done: at + 1, kind: 'getOrCompute', key: 'c', value: 'v', answer: 'v', source });

  it('does not count the memory fallback as service while Redis is healthy', () => {
    const finding = check(
      op({ at: 0, done: 1, kind: 'get', source: 'memory', answer: null }),
      op({ at: 1, done: 2, source: 'memory' }),
      computed(2, 'memory'),
      computed(3, 'loader'),
      computed(4, 'redis'),
    );
    expect(finding.figures.answered).toMatchObject({ successes: 2, n: 5 });
    expect(finding.figures.errors).toMatchObject({ successes: 3, n: 5 });
    expect(finding.figures.getOrComputeAnswered).toMatchObject({ successes: 2, n: 3 });
    expect(finding.figures.rightValues).toMatchObject({ successes: 5, n: 5 });
    expect(finding.reasons.join()).toMatch(/get w:0 \(not from Redis\)/);
  });

  it('counts the memory fallback as service during a fault', () => {
    const finding = check(computed(2, 'memory'), computed(3, 'loader'), fault(1, 9));
    expect(finding.figures.getOrComputeAnswered).toMatchObject({ successes: 2, n: 2 });
    expect(finding.figures.errors).toMatchObject({ successes: 0, n: 2 });
  });

  it('counts a wrong value from the memory fallback as wrong', () => {
    const wrong = op({
      at: 1,
      done: 2,
      kind: 'getOrCompute',
      key: 'c',
      value: 'v',
      answer: 'w',
      source: 'memory',
    });
    expect(check(wrong).figures.rightValues).toMatchObject({ successes: 0, n: 1 });
  });

  it('is not measured when nothing was scheduled', () => {
    expect(check(window(0, 1)).validity).toBe('unknown');
  });
});

describe('hit-ratio', () => {
  const check = (...events: readonly Events[]) => hitRatio.check(buildHistory(...events), buildContext());
  const read = (at: number, key: string, more: Partial<Parameters<typeof op>[0]> = {}) =>
    op({ at, done: at + 1, kind: 'get', key, answer: 'v', ...more });

  it('counts hits per read, per key in a batch, and per phase', () => {
    const finding = check(
      read(0, 'a', { phase: 'cached' }),
      read(1, 'b', { phase: 'cached', answer: null }),
      read(2, 'c', { phase: 'cached', kind: 'getOrCompute', source: 'loader' }),
      read(3, 'd', { kind: 'getMany', batch: 10, answer: '7' }),
      read(4, 'e', { outcome: 'fail' }),
      writes(10, 12, 1),
    );
    expect(finding.figures.overall).toMatchObject({ successes: 8, n: 13 });
    expect(finding.figures['phase.cached']).toMatchObject({ successes: 1, n: 3 });
  });

  it('does not count the memory fallback as a hit', () => {
    const finding = check(
      read(0, 'a'),
      read(1, 'a', { source: 'memory' }),
      read(2, 'b', { kind: 'getMany', batch: 10, answer: '7', source: 'memory' }),
    );
    expect(finding.figures.overall).toMatchObject({ successes: 1, n: 12 });
  });

  it('excludes phases without a cache', () => {
    const finding = check(
      read(0, 'a', { phase: 'uncached', source: 'loader' }),
      read(1, 'a', { phase: 'cached' }),
    );
    expect(finding.figures.overall).toMatchObject({ successes: 1, n: 1 });
  });

  it('counts a key as frequently accessed if it was read at least twice', () => {
    const finding = check(
      read(0, 'a', { answer: null }),
      read(1, 'a'),
      read(2, 'a'),
      read(3, 'b', { answer: null }),
    );
    expect(finding.figures.frequent).toMatchObject({ successes: 2, n: 3 });
    expect(check(read(0, 'a')).figures.frequent).toBeUndefined();
    expect(check(writes(0, 10)).validity).toBe('unknown');
  });
});

describe('benchmark', () => {
  const query = (at: number, key: string, tookMs: number, phase: string, source: 'redis' | 'loader') =>
    op({ at, done: at + tookMs, kind: 'getOrCompute', key, value: 'r', answer: 'r', phase, source });

  it('reproduces the documented arithmetic', () => {
    const uncached = Array.from({ length: 5 }, (_, i) =>
      query(i * 200, `k${i % 2}`, 150, 'uncached', 'loader'),
    );
    const cached = [
      query(2000, 'k0', 150, 'cached', 'loader'),
      query(2200, 'k1', 150, 'cached', 'loader'),
      query(2400, 'k0', 1, 'cached', 'redis'),
      query(2402, 'k1', 1, 'cached', 'redis'),
      query(2404, 'k0', 1, 'cached', 'redis'),
    ];
    const finding = benchmark.check(buildHistory(uncached, cached), buildContext());
    const figures = Object.fromEntries(
      Object.keys(finding.figures).map((name) => [name, figureNumber(finding, name)]),
    );
    expect(figures).toMatchObject({
      coldMs: 150,
      hotMs: 1,
      latencyReduction: 1 - 1 / 150,
      totalWithoutMs: 750,
      totalWithMs: 303,
      timeSaved: 1 - 303 / 750,
      throughputFactor: 750 / 303,
      p95Ms: 150,
      catalogue: 2,
      queries: 5,
    });
  });

  it('does not count reads from the memory fallback as hot reads', () => {
    const fromMemory = op({
      at: 10,
      done: 10.1,
      kind: 'getOrCompute',
      key: 'k',
      value: 'r',
      answer: 'r',
      phase: 'cached',
      source: 'memory',
    });
    const finding = benchmark.check(
      buildHistory(query(0, 'k', 5, 'cached', 'redis'), fromMemory),
      buildContext(),
    );
    expect(figureNumber(finding, 'hotMs')).toBe(5);
    expect(figureNumber(finding, 'queries')).toBe(1);
    expect(benchmark.check(buildHistory(fromMemory), buildContext()).validity).toBe('unknown');
  });

  it('omits the figures for the uncached phase if that phase is missing', () => {
    const finding = benchmark.check(buildHistory(query(0, 'k', 1, 'cached', 'redis')), buildContext());
    expect(finding.figures.timeSaved).toBeUndefined();
    expect(finding.figures.latencyReduction).toBeUndefined();
    expect(benchmark.check(buildHistory(writes(0, 10)), buildContext()).validity).toBe('unknown');
  });
});

describe('generator', () => {
  it('uses the total lateness of the judged client', () => {
    const total = (client: string, p99Ms: number) =>
      observation('workload', 'lateness-total', 9, { p50Ms: 0.1, p99Ms, maxMs: 9, n: 500 }, { client });
    const finding = generator.check(buildHistory(total('kit', 3), total('ioredis', 400)), buildContext());
    expect(finding.figures.latenessP99Ms).toMatchObject({ value: 3, n: 500 });
    expect(generator.check(buildHistory(total('ioredis', 1)), buildContext()).validity).toBe('unknown');
  });
});

describe('memory', () => {
  const check = (...events: readonly Events[]) => memory.check(buildHistory(...events), buildContext());

  it('uses the sample with the highest memory usage of any node', () => {
    const finding = check(
      infoSample('redis-1', 1, { usedMemory: 10, maxmemory: 100, evictedKeys: 0 }),
      infoSample('redis-2', 2, { usedMemory: 85, maxmemory: 100, evictedKeys: 0 }),
      infoSample('redis-2', 3, { usedMemory: 60, maxmemory: 100, evictedKeys: 4 }),
    );
    expect(figureNumber(finding, 'usedRatio')).toBe(0.85);
    expect(figureNumber(finding, 'evictions')).toBe(4);
  });

  it('has no usedRatio without a memory limit, and is unknown if there is no sample', () => {
    const unlimited = check(infoSample('redis-1', 1, { usedMemory: 10, maxmemory: 0, evictedKeys: 0 }));
    expect(unlimited).toMatchObject({
      validity: 'valid',
      reasons: [expect.stringMatching(/^usedRatio: a node has no maxmemory/)],
      figures: { evictions: { value: 0 } },
    });
    expect(unlimited.figures).not.toHaveProperty('usedRatio');
    expect(check(writes(0, 1)).validity).toBe('unknown');
  });

  it('is unknown if the INFO of a node lacks the fields, because a missing field is not 0', () => {
    expect(check(infoSample('redis-1', 1, { usedMemory: 10, maxmemory: null })).validity).toBe('unknown');
    const one = infoSample('redis-1', 1, { usedMemory: 10, maxmemory: 100 });
    const silent = check(one, infoSample('redis-2', 1, { usedMemory: null, maxmemory: null }));
    expect(silent).toMatchObject({ validity: 'unknown', figures: {} });
    expect(silent.reasons.join()).toMatch(/not in the INFO of redis-2/);
  });
});
