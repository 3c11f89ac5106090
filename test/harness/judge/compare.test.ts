/** Comparison of two hand-written runs: changes beyond noise, and runs that are not comparable. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../../config/errors.ts';
import { loadGates } from '../../../config/gates.ts';
import { drills } from '../../../harness/drills/index.ts';
import type { HistoryEvent } from '../../../harness/history/events.ts';
import {
  type ComparedCriterion,
  compareCriterion,
  type Side,
} from '../../../harness/judge/compare/criteria.ts';
import { compareRuns } from '../../../harness/judge/compare/index.ts';
import { areApart, proportionInterval, quantileInterval } from '../../../harness/statistics/intervals.ts';
import { kit } from '../../../scripts/program.ts';
import { catchKitError } from '../../support/kit-error.ts';
import { recordStreams } from '../../support/recorded-streams.ts';
import { buildGate, ratioFigure, valueFigure } from '../gates/gate-builders.ts';
import type { RunOptions } from '../healthy-run.ts';
import { ScratchRuns } from '../scratch-runs.ts';
import { samplesFigure, sideOf } from './compare-sides.ts';

let scratch: ScratchRuns;
beforeEach(() => {
  scratch = new ScratchRuns();
});
afterEach(() => scratch[Symbol.dispose]());

const STEADY = drills.filter(({ id }) => id === 'steady');
const createRun = (runId: string, options: RunOptions = {}) =>
  scratch.createRun({
    drills: STEADY,
    ...options,
    manifest: { kind: 'drill', runId, ...options.manifest },
  }).dir;

/** Every get takes 3 ms longer. In the hand-written histories, only gets return `x`. */
const SLOWER: RunOptions = {
  change: {
    'steady/kit': (event: HistoryEvent) =>
      event.type === 'ok' && event.value === 'x' ? { ...event, atUs: event.atUs + 3_000 } : event,
  },
};

const changeOf = (criteria: readonly ComparedCriterion[], id: string) =>
  criteria.find((each) => each.id === id);

describe('two runs', () => {
  it('have no change if their histories are the same', () => {
    const comparison = compareRuns(createRun('a'), createRun('b'));
    expect(comparison.counts).toMatchObject({ worse: 0, better: 0 });
    expect(changeOf(comparison.criteria, 'get-latency')).toMatchObject({ change: 'within-noise' });
    expect(comparison.differences).toEqual([]);
  });

  it('differ in get-latency if gets are slower, and are worse or better depending on which run is the baseline', () => {
    const [fast, slow] = [createRun('fast'), createRun('slow', SLOWER)];
    const worse = compareRuns(fast, slow);
    expect(changeOf(worse.criteria, 'get-latency')).toMatchObject({
      change: 'worse',
      method: 'order-statistic of samples',
      baseline: { measured: 1 },
      run: { measured: 4 },
    });
    expect(worse.criteria[0]?.change).toBe('worse');
    expect(changeOf(worse.criteria, 'set-latency')?.change).toBe('within-noise');
    expect(changeOf(compareRuns(slow, fast).criteria, 'get-latency')?.change).toBe('better');
  });

  it('are refused with a list of all differences if their fingerprints differ, unless forced', () => {
    const a = createRun('a');
    const b = createRun('b', {
      manifest: {
        machine: { kernel: 'Linux 7', cpu: 'a', cores: 2, memoryBytes: 1 },
        provenance: { 'redis-server': '8.2.0' },
      },
    });
    expect(catchKitError(() => compareRuns(a, b))).toMatchObject({
      code: 'RUN_NOT_COMPARABLE',
      exitCode: EXIT.UNKNOWN,
      message: expect.stringMatching(
        /differ in 2 facts\n {2}kernel: 'Linux' before, 'Linux 7' now\n {2}redis-server: '7\.0\.15' before, '8\.2\.0' now/,
      ),
    });
    expect(compareRuns(a, b, { force: true }).differences.map(({ fact }) => fact)).toEqual([
      'kernel',
      'redis-server',
    ]);
  });

  it('are refused without a common measurement, even if forced', () => {
    const gates = loadGates();
    const own = gates.gates.filter(({ workload }) => workload.join() === 'hit-miss');
    const other = createRun('other', {
      drills: drills.filter(({ id }) => id === 'hit-miss'),
      gates: { ...gates, gates: own, waivers: [] },
    });
    expect(catchKitError(() => compareRuns(createRun('a'), other, { force: true }))).toMatchObject({
      code: 'RUN_NOT_COMPARABLE',
      exitCode: EXIT.UNKNOWN,
      message: 'no criterion is measured in both runs',
    });
  });

  it('are refused if one of them was altered, even if forced', () => {
    const [a, b] = [createRun('a'), createRun('b')];
    appendFileSync(join(b, 'trials/steady-1/kit.jsonl'), '\n');
    expect(catchKitError(() => compareRuns(a, b, { force: true }))).toMatchObject({
      code: 'RUN_NOT_COMPARABLE',
      message: expect.stringContaining('trials/steady-1/kit.jsonl'),
    });
  });

  it('are compared by the command, which exits with 1 if a criterion is worse', async () => {
    const [fast, slow] = [createRun('fast'), createRun('slow', SLOWER)];
    const call = async (...args: string[]) => {
      const streams = recordStreams();
      const exitCode = await kit(['compare', ...args], streams, new AbortController().signal);
      return { exitCode, out: streams.out() };
    };
    const worse = await call(fast, slow);
    expect(worse.exitCode).toBe(EXIT.NO_GO);
    expect(worse.out).toMatch(/worse +get-latency +1 ms +4 ms/);
    expect((await call(slow, fast)).exitCode).toBe(EXIT.GO);
    expect(JSON.parse((await call(fast, slow, '--json')).out)).toMatchObject({
      schema: 'redis-cache-kit/comparison/1',
      counts: { worse: expect.any(Number) },
    });
  });
});

describe('a criterion', () => {
  const timed = { timing: { latenessP99MaxMs: 5 } };
  const latency = buildGate({
    ...timed,
    sli: { checker: 'a-checker', figure: 'figure', stat: 'p95', over: 'max', count: 'observations' },
  });
  const spread = (from: number) => [samplesFigure(Array.from({ length: 500 }, (_, i) => from + i / 500))];

  it('is within noise if the distance between the intervals is smaller than the delay that the machine added', () => {
    expect(compareCriterion(sideOf(latency, spread(1)), sideOf(latency, spread(4))).change).toBe('worse');
    expect(compareCriterion(sideOf(latency, spread(1)), sideOf(latency, spread(4), 3.1))).toMatchObject({
      change: 'within-noise',
      reason: expect.stringContaining('the machine added up to 3.1 ms'),
    });
  });

  it('that is a share is compared with the Clopper-Pearson method, in the direction of its target', () => {
    const share = buildGate({
      ...{ unit: 'ratio', target: { op: '>=', value: 0.5 }, timing: false },
      sli: { checker: 'a-checker', figure: 'figure', over: 'pool', count: 'observations' },
    });
    const change = (before: number, after: number) =>
      compareCriterion(sideOf(share, [ratioFigure(before, 1000)]), sideOf(share, [ratioFigure(after, 1000)]));
    expect(change(900, 800)).toMatchObject({ change: 'worse', method: 'clopper-pearson' });
    expect(change(800, 900).change).toBe('better');
    expect(change(900, 890).change).toBe('within-noise');
  });

  it('with one value per trial is undecided with few trials, and is compared by the median with eight trials', () => {
    const gap = buildGate(timed);
    const trials = (n: number, from: number) => Array.from({ length: n }, (_, i) => valueFigure(from + i));
    expect(compareCriterion(sideOf(gap, trials(3, 10)), sideOf(gap, trials(3, 50)))).toMatchObject({
      change: 'undecided',
      reason: expect.stringContaining('8 are needed'),
    });
    expect(compareCriterion(sideOf(gap, trials(8, 10)), sideOf(gap, trials(8, 50)))).toMatchObject({
      change: 'worse',
      method: 'order-statistic of trials',
    });
  });

  it('for which a busy machine is no excuse is compared by its state, even with one trial', () => {
    const lost = buildGate({ target: { op: '==', value: 0 }, unit: 'writes', timing: false });
    const side = (count: number) => sideOf(lost, [valueFigure(count)]);
    expect(compareCriterion(side(0), side(3))).toMatchObject({ change: 'worse', method: 'state' });
    expect(compareCriterion(side(3), side(0)).change).toBe('better');
    expect(compareCriterion(side(0), side(0)).change).toBe('within-noise');
  });

  it('for which a busy machine is no excuse is worse if one of many trials missed the target', () => {
    const lost = buildGate({ target: { op: '==', value: 0 }, unit: 'writes', timing: false });
    const trials = (last: number) =>
      sideOf(
        lost,
        [...Array(11).fill(0), last].map((n) => valueFigure(n)),
      );
    expect(compareCriterion(trials(0), trials(3))).toMatchObject({ change: 'worse', method: 'state' });
    expect(compareCriterion(trials(0), trials(0)).change).toBe('within-noise');
  });

  it('is not compared by its state if the target was changed, or if a waiver replaces a missing judgement', () => {
    const gate = (value: number) => buildGate({ target: { op: '<=', value }, unit: 'writes', timing: false });
    const lost = (value: number) => sideOf(gate(value), [valueFigure(3)]);
    expect(compareCriterion(lost(0), lost(9))).toMatchObject({
      change: 'undecided',
      reason: 'its target is <= 9 writes, and was <= 0 writes',
    });
    const waived = (reason: string): Side => {
      const side = lost(0);
      return { ...side, criterion: { ...side.criterion, state: 'WAIVED', reason } };
    };
    const passed = sideOf(gate(0), [valueFigure(0)]);
    expect(compareCriterion(waived('INSUFFICIENT: n = 1'), passed).change).toBe('undecided');
    expect(compareCriterion(waived('FAIL: measured 3 writes'), passed).change).toBe('better');
  });
});

describe('intervals', () => {
  it('contain the estimate, and are narrower with more observations', () => {
    const [low, high] = proportionInterval(90, 100, 0.99);
    expect(low).toBeLessThan(0.9);
    expect(high).toBeGreaterThan(0.9);
    const [nearLow, nearHigh] = proportionInterval(9_000, 10_000, 0.99);
    expect(nearHigh - nearLow).toBeLessThan(high - low);
  });

  it('for a quantile are observed values, and are undefined with too few samples', () => {
    const samples = Array.from({ length: 1_000 }, (_, i) => i);
    const [low, high] = quantileInterval(samples, 0.5, 0.99) ?? [0, 0];
    expect([low, high].every((end) => samples.includes(end))).toBe(true);
    expect(low).toBeLessThan(500);
    expect(high).toBeGreaterThan(500);
    expect(quantileInterval([1, 2, 3, 4, 5, 6, 7], 0.5, 0.99)).toBeUndefined();
    expect(quantileInterval([1, 2, 3, 4, 5, 6, 7, 8], 0.5, 0.99)).toEqual([1, 8]);
  });

  it('are disjoint only if they have no common value', () => {
    expect([areApart([1, 2], [2, 3]), areApart([1, 2], [2.1, 3]), areApart([5, 6], [1, 2])]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
