/** Trials are counted, excluded or repeated according to how busy the machine was, never according to a result. */
import { describe, expect, it } from 'vitest';
import { PROMISES } from '../../../config/schema.ts';
import type { CheckResult, Figure } from '../../../harness/checkers/checker.ts';
import { needlessRepeats, trialsDue } from '../../../harness/gates/attempts.ts';
import type { JudgedTrial } from '../../../harness/gates/read.ts';
import type { RunScope } from '../../../harness/gates/scope.ts';
import { BOUNDS, buildGate, buildTrial, evaluateGate, ratioFigure, valueFigure } from './gate-builders.ts';

const timed = buildGate({ timing: { latenessP99MaxMs: 5 } });
const RUN: RunScope = {
  ...{ kind: 'readiness', environment: 'dev', substrate: 'local', profile: 'quick', topology: 'sentinel' },
  ...{
    promises: new Set(PROMISES),
    fastDetection: false,
    hasWatchdog: true,
    inputs: new Set<string>(),
    asked: new Set(['drill']),
  },
  fullOnly: new Set(),
  unsupported: new Map(),
};

/** A trial with the given number and round, and with the given timer lateness at p99. */
function attemptAt(
  number: number,
  round: number,
  lateMs: number,
  figure: Figure | undefined = valueFigure(1),
  over: Partial<JudgedTrial> = {},
): JudgedTrial {
  const one = buildTrial(figure, { trial: number, round, scripted: true, ...over });
  const [first] = one.results;
  const machine: CheckResult = {
    ...(first as CheckResult),
    checker: 'machine',
    figures: {
      timerP99Ms: valueFigure(lateMs),
      timerMaxMs: valueFigure(10 * lateMs),
      waitServerMaxMs: valueFigure(lateMs),
    },
  };
  return { ...one, results: [...one.results, machine] };
}
const due = (trials: readonly JudgedTrial[], gates = [timed]) =>
  Object.fromEntries(trialsDue({ run: RUN, gates, machine: BOUNDS, trials }));
const needless = (trials: readonly JudgedTrial[]) =>
  needlessRepeats({ run: RUN, gates: [timed], machine: BOUNDS, trials });

describe('a criterion over several rounds', () => {
  it('is judged only by valid trials, and reports the number of rounds', () => {
    expect(
      evaluateGate(timed, [attemptAt(1, 1, 50, valueFigure(999)), attemptAt(2, 2, 1, valueFigure(3))]),
    ).toMatchObject({
      state: 'PASS',
      measured: 3,
      n: 1,
      attempts: { rounds: 2, leftOut: 1 },
      reason: expect.stringContaining('1 trial left out'),
    });
    expect(evaluateGate(timed, [attemptAt(1, 1, 1)]).attempts).toEqual({ rounds: 1, leftOut: 0 });
  });

  it('is INVALID, never FAIL, if the machine was too busy in every round', () => {
    const found = evaluateGate(timed, [
      attemptAt(1, 1, 50, valueFigure(999)),
      attemptAt(2, 2, 60, valueFigure(999)),
      attemptAt(3, 3, 70, valueFigure(999)),
    ]);
    expect(found).toMatchObject({ state: 'INVALID', attempts: { rounds: 3, leftOut: 3 }, measured: null });
    expect(found.reason).toMatch(/^drill #1: the machine was busy/);
  });

  it('fails because of a valid trial, even if a repetition for another criterion passed', () => {
    const other = buildGate({ id: 'tighter', timing: { latenessP99MaxMs: 2 } });
    const trials = [attemptAt(1, 1, 4, valueFigure(999)), attemptAt(2, 2, 1, valueFigure(1))];
    expect(evaluateGate(other, trials).state).toBe('PASS');
    expect(evaluateGate(timed, trials)).toMatchObject({
      state: 'FAIL',
      measured: 999,
      attempts: { rounds: 1, leftOut: 0 },
    });
  });

  it('counts every trial if a busy machine is no excuse for the criterion', () => {
    const found = evaluateGate(buildGate(), [
      attemptAt(1, 1, 50, valueFigure(999)),
      attemptAt(2, 2, 1, valueFigure(1)),
    ]);
    expect(found).toMatchObject({ state: 'FAIL', measured: 999 });
  });

  it('needs as many valid trials as are planned', () => {
    const first = [attemptAt(1, 1, 1), attemptAt(2, 1, 50), attemptAt(3, 1, 50)];
    expect(evaluateGate(timed, [...first, attemptAt(4, 2, 1), attemptAt(5, 2, 50)])).toMatchObject({
      state: 'INVALID',
      n: 2,
      attempts: { rounds: 2, leftOut: 3 },
    });
    expect(
      evaluateGate(timed, [...first, attemptAt(4, 2, 1), attemptAt(5, 2, 50), attemptAt(6, 3, 1)]),
    ).toMatchObject({
      state: 'PASS',
      n: 3,
      attempts: { rounds: 3, leftOut: 3 },
    });
  });

  it('excludes a trial that did not complete on a busy machine if a repetition replaces it', () => {
    const failed = attemptAt(1, 1, 50, undefined, {
      status: 'not-measured',
      reason: 'took longer than 120 s',
    });
    expect(evaluateGate(buildGate(), [failed, attemptAt(2, 2, 1)])).toMatchObject({
      state: 'PASS',
      attempts: { rounds: 2, leftOut: 1 },
    });
    expect(evaluateGate(buildGate(), [failed]).state).toBe('NOT_MEASURED');
    const onCalm = attemptAt(1, 1, 1, undefined, {
      status: 'not-measured',
      reason: 'took longer than 120 s',
    });
    expect(evaluateGate(buildGate(), [onCalm, attemptAt(2, 2, 1)]).state).toBe('NOT_MEASURED');
  });

  it('still fails on figures that a slow machine cannot affect', () => {
    const held = buildGate({
      timing: { latenessP99MaxMs: 5 },
      target: { op: '==', value: 1 },
      unit: 'ratio',
      sli: { checker: 'a-checker', figure: 'figure', over: 'min', count: 'trials' },
    });
    const withUntimed = (successes: number) => {
      const one = attemptAt(1, 1, 50, ratioFigure(3, 5));
      const [first, machine] = one.results as [CheckResult, CheckResult];
      return {
        ...one,
        results: [{ ...first, untimed: { figure: ratioFigure(successes, 4) } }, machine],
      };
    };
    expect(evaluateGate(held, [withUntimed(4)]).state).toBe('INVALID');
    expect(evaluateGate(held, [withUntimed(3)]).state).toBe('FAIL');
    expect(evaluateGate(held, [withUntimed(3), attemptAt(2, 2, 1, ratioFigure(5, 5))]).state).toBe('FAIL');
  });
});

describe('repetition', () => {
  it('includes as many trials as were invalid for a criterion', () => {
    expect(due([attemptAt(1, 1, 1)])).toEqual({});
    expect(due([attemptAt(1, 1, 50)])).toEqual({ drill: 1 });
    expect(due([attemptAt(1, 1, 50), attemptAt(2, 1, 1), attemptAt(3, 1, 50)])).toEqual({ drill: 2 });
    expect(due([attemptAt(1, 1, 50), attemptAt(2, 2, 1)])).toEqual({});
    expect(due([attemptAt(1, 1, 50), attemptAt(2, 2, 50)])).toEqual({ drill: 1 });
  });

  it('does not depend on results', () => {
    for (const figure of [valueFigure(1), valueFigure(999), undefined]) {
      expect(due([attemptAt(1, 1, 50, figure)])).toEqual({ drill: 1 });
      expect(due([attemptAt(1, 1, 1, figure)])).toEqual({});
    }
  });

  it('omits gates for which a busy machine is no excuse, and gates out of scope', () => {
    expect(due([attemptAt(1, 1, 50)], [buildGate()])).toEqual({});
    expect(
      due(
        [attemptAt(1, 1, 50)],
        [buildGate({ timing: { latenessP99MaxMs: 5 }, scope: { substrates: ['docker'] } })],
      ),
    ).toEqual({});
  });

  it('includes a trial that did not complete on a busy machine, but not on an idle machine', () => {
    const over = { status: 'failed', reason: 'x' } as const;
    expect(due([attemptAt(1, 1, 50, undefined, over)], [buildGate()])).toEqual({ drill: 1 });
    expect(due([attemptAt(1, 1, 1, undefined, over)], [buildGate()])).toEqual({});
  });

  it('excludes a trial with broken evidence', () => {
    expect(due([attemptAt(1, 1, 50, valueFigure(1), { broken: ['x'] })])).toEqual({});
  });
});

describe('repetitions in the evidence', () => {
  it('are accepted if the earlier trials justify them', () => {
    expect(needless([attemptAt(1, 1, 50), attemptAt(2, 2, 50), attemptAt(3, 3, 1)])).toEqual([]);
    expect(needless([attemptAt(1, 1, 1), attemptAt(2, 1, 1)])).toEqual([]);
  });

  it('are reported if the machine was not too busy', () => {
    expect(needless([attemptAt(1, 1, 1, valueFigure(999)), attemptAt(2, 2, 1)])).toEqual([
      'drill has 1 trials in round 2, but the machine justifies only 0',
    ]);
    expect(needless([attemptAt(1, 1, 50), attemptAt(2, 2, 1), attemptAt(3, 2, 1)])).toHaveLength(1);
  });
});
