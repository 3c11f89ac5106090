/** Counted trials, left-out trials, and repetitions: selected by the soundness of the machine and never by a result. */
import { describe, expect, it } from 'vitest';
import { PROMISES } from '../../../config/schema.ts';
import type { CheckResult, Figure } from '../../../harness/checkers/checker.ts';
import { needlessRepeats, trialsDue } from '../../../harness/gates/attempts.ts';
import type { JudgedTrial } from '../../../harness/gates/read.ts';
import type { RunScope } from '../../../harness/gates/scope.ts';
import { BOUNDS, gate, judged, share, trial, value } from './gate-builders.ts';

const timed = gate({ timing: { latenessP99MaxMs: 5 } });
const RUN: RunScope = {
  ...{ kind: 'readiness', environment: 'dev', substrate: 'local', profile: 'quick', topology: 'sentinel' },
  ...{ promises: new Set(PROMISES), inputs: new Set<string>(), asked: new Set(['drill']) },
};

/** A trial with that number and round, and timers of that lateness at p99. */
function at(
  number: number,
  round: number,
  lateMs: number,
  figure: Figure | undefined = value(1),
  over: Partial<JudgedTrial> = {},
): JudgedTrial {
  const one = trial(figure, { trial: number, round, scripted: true, ...over });
  const [first] = one.results;
  const machine: CheckResult = {
    ...(first as CheckResult),
    checker: 'machine',
    figures: { timerP99Ms: value(lateMs), timerMaxMs: value(10 * lateMs), waitServerMaxMs: value(lateMs) },
  };
  return { ...one, results: [...one.results, machine] };
}
const due = (trials: readonly JudgedTrial[], gates = [timed]) =>
  Object.fromEntries(trialsDue({ run: RUN, gates, machine: BOUNDS, trials }));
const needless = (trials: readonly JudgedTrial[]) =>
  needlessRepeats({ run: RUN, gates: [timed], machine: BOUNDS, trials });

describe('a criterion over several rounds', () => {
  it('is judged by the sound trials alone, and says how many rounds it needed', () => {
    expect(judged(timed, [at(1, 1, 50, value(999)), at(2, 2, 1, value(3))])).toMatchObject({
      state: 'PASS',
      measured: 3,
      n: 1,
      attempts: { rounds: 2, leftOut: 1 },
      because: expect.stringContaining('1 trial left out'),
    });
    expect(judged(timed, [at(1, 1, 1)]).attempts).toEqual({ rounds: 1, leftOut: 0 });
  });

  it('is INVALID where no round had a sound machine, and never FAIL', () => {
    const found = judged(timed, [
      at(1, 1, 50, value(999)),
      at(2, 2, 60, value(999)),
      at(3, 3, 70, value(999)),
    ]);
    expect(found).toMatchObject({ state: 'INVALID', attempts: { rounds: 3, leftOut: 3 }, measured: null });
    expect(found.because).toMatch(/^drill #1: the machine was busy/);
  });

  it('fails by a sound trial, whatever was repeated for another criterion and passed', () => {
    const other = gate({ id: 'tighter', timing: { latenessP99MaxMs: 2 } });
    const trials = [at(1, 1, 4, value(999)), at(2, 2, 1, value(1))];
    expect(judged(other, trials).state).toBe('PASS');
    expect(judged(timed, trials)).toMatchObject({
      state: 'FAIL',
      measured: 999,
      attempts: { rounds: 1, leftOut: 0 },
    });
  });

  it('counts every trial where the machine never excuses it', () => {
    const found = judged(gate(), [at(1, 1, 50, value(999)), at(2, 2, 1, value(1))]);
    expect(found).toMatchObject({ state: 'FAIL', measured: 999 });
  });

  it('needs as many sound trials as were planned', () => {
    const first = [at(1, 1, 1), at(2, 1, 50), at(3, 1, 50)];
    expect(judged(timed, [...first, at(4, 2, 1), at(5, 2, 50)])).toMatchObject({
      state: 'INVALID',
      n: 2,
      attempts: { rounds: 2, leftOut: 3 },
    });
    expect(judged(timed, [...first, at(4, 2, 1), at(5, 2, 50), at(6, 3, 1)])).toMatchObject({
      state: 'PASS',
      n: 3,
      attempts: { rounds: 3, leftOut: 3 },
    });
  });

  it('leaves out a trial that did not complete on a busy machine, once another has taken its place', () => {
    const failed = at(1, 1, 50, undefined, { status: 'not-measured', reason: 'took longer than 120 s' });
    expect(judged(gate(), [failed, at(2, 2, 1)])).toMatchObject({
      state: 'PASS',
      attempts: { rounds: 2, leftOut: 1 },
    });
    expect(judged(gate(), [failed]).state).toBe('NOT_MEASURED');
    const onCalm = at(1, 1, 1, undefined, { status: 'not-measured', reason: 'took longer than 120 s' });
    expect(judged(gate(), [onCalm, at(2, 2, 1)]).state).toBe('NOT_MEASURED');
  });

  it('still fails by what a slow machine cannot move', () => {
    const held = gate({
      timing: { latenessP99MaxMs: 5 },
      target: { op: '==', value: 1 },
      unit: 'ratio',
      sli: { checker: 'a-checker', figure: 'figure', over: 'min', count: 'trials' },
    });
    const withUntimed = (successes: number) => {
      const one = at(1, 1, 50, share(3, 5));
      const [first, machine] = one.results as [CheckResult, CheckResult];
      return { ...one, results: [{ ...first, untimed: { figure: share(successes, 4) } }, machine] };
    };
    expect(judged(held, [withUntimed(4)]).state).toBe('INVALID');
    expect(judged(held, [withUntimed(3)]).state).toBe('FAIL');
    expect(judged(held, [withUntimed(3), at(2, 2, 1, share(5, 5))]).state).toBe('FAIL');
  });
});

describe('what is repeated', () => {
  it('is as many trials as were unsound for some criterion', () => {
    expect(due([at(1, 1, 1)])).toEqual({});
    expect(due([at(1, 1, 50)])).toEqual({ drill: 1 });
    expect(due([at(1, 1, 50), at(2, 1, 1), at(3, 1, 50)])).toEqual({ drill: 2 });
    expect(due([at(1, 1, 50), at(2, 2, 1)])).toEqual({});
    expect(due([at(1, 1, 50), at(2, 2, 50)])).toEqual({ drill: 1 });
  });

  it('depends on no result', () => {
    for (const figure of [value(1), value(999), undefined]) {
      expect(due([at(1, 1, 50, figure)])).toEqual({ drill: 1 });
      expect(due([at(1, 1, 1, figure)])).toEqual({});
    }
  });

  it('is nothing for gates that the machine never excuses or that are out of scope', () => {
    expect(due([at(1, 1, 50)], [gate()])).toEqual({});
    expect(
      due([at(1, 1, 50)], [gate({ timing: { latenessP99MaxMs: 5 }, scope: { substrates: ['docker'] } })]),
    ).toEqual({});
  });

  it('is a trial that did not complete on a busy machine, and none on a calm one', () => {
    const over = { status: 'failed', reason: 'x' } as const;
    expect(due([at(1, 1, 50, undefined, over)], [gate()])).toEqual({ drill: 1 });
    expect(due([at(1, 1, 1, undefined, over)], [gate()])).toEqual({});
  });

  it('is not evidence that is broken', () => {
    expect(due([at(1, 1, 50, value(1), { broken: ['x'] })])).toEqual({});
  });
});

describe('repetitions in the evidence', () => {
  it('have a reason in the trials before them', () => {
    expect(needless([at(1, 1, 50), at(2, 2, 50), at(3, 3, 1)])).toEqual([]);
    expect(needless([at(1, 1, 1), at(2, 1, 1)])).toEqual([]);
  });

  it('are named where the machine was sound: somebody repeated for the sake of the result', () => {
    expect(needless([at(1, 1, 1, value(999)), at(2, 2, 1)])).toEqual([
      'drill has 1 trials in round 2, where the machine was the reason for 0',
    ]);
    expect(needless([at(1, 1, 50), at(2, 2, 1), at(3, 2, 1)])).toHaveLength(1);
  });
});
