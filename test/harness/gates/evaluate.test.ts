import { describe, expect, it } from 'vitest';
import type { CheckResult, Figure } from '../../../harness/checkers/checker.ts';
import type { JudgedTrial } from '../../../harness/gates/read.ts';
import {
  buildGate,
  buildTrial,
  buildTrials,
  evaluateGate,
  FULL,
  ratioFigure,
  valueFigure,
} from './gate-builders.ts';

const calmMachine: CheckResult = {
  ...(buildTrial(undefined).results[0] as CheckResult),
  checker: 'machine',
  figures: { timerP99Ms: valueFigure(1), timerMaxMs: valueFigure(2) },
};

const evaluateValues = (...values: readonly number[]) =>
  evaluateGate(
    buildGate(),
    values.map((value) => buildTrial(valueFigure(value))),
  );

describe('evaluate', () => {
  it('uses the worst trial', () => {
    expect(evaluateValues(1, 99)).toMatchObject({
      state: 'PASS',
      measured: 99,
      n: 2,
    });
    expect(evaluateValues(1, 100)).toMatchObject({
      state: 'FAIL',
      measured: 100,
    });
    const least = buildGate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'min', count: 'trials' },
      target: { op: '>=', value: 5 },
    });
    expect(evaluateGate(least, [buildTrial(valueFigure(5)), buildTrial(valueFigure(4))])).toMatchObject({
      state: 'FAIL',
      measured: 4,
    });
  });

  it('claims only the observed values in the quick profile', () => {
    expect(evaluateValues(1, 1, 1)).toMatchObject({
      state: 'PASS',
      bound: null,
      reason: '1 ms, target < 100 ms; 3 of 3 trials observed',
    });
  });

  it('sums losses over trials and pools ratios', () => {
    const total = buildGate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'sum', count: 'trials' },
      target: { op: '==', value: 0 },
    });
    expect(
      evaluateGate(total, [
        buildTrial(valueFigure(0)),
        buildTrial(valueFigure(2), {}, { reasons: ['w:1, w:2'] }),
      ]),
    ).toMatchObject({
      state: 'FAIL',
      measured: 2,
      reason: expect.stringContaining('w:1, w:2'),
    });
    const pooled = buildGate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'pool', count: 'observations' },
      target: { op: '>=', value: 0.9 },
      unit: 'ratio',
    });
    expect(
      evaluateGate(pooled, [buildTrial(ratioFigure(8, 10)), buildTrial(ratioFigure(100, 100))]),
    ).toMatchObject({
      state: 'PASS',
      n: 110,
    });
    expect(
      evaluateGate(pooled, [buildTrial(ratioFigure(80, 100)), buildTrial(ratioFigure(10, 10))]),
    ).toMatchObject({ state: 'FAIL' });
  });

  it('uses the statistic that the gate names', () => {
    const distribution = {
      kind: 'distribution',
      unit: 'ms',
      n: 500,
      distribution: { min: 1, p50: 2, p95: 3, p99: 4, max: 500, mean: 9 },
      samples: [],
    } as const;
    const p99 = buildGate({
      sli: { checker: 'a-checker', figure: 'figure', stat: 'p99', over: 'max', count: 'observations' },
    });
    expect(evaluateGate(p99, [buildTrial(distribution)])).toMatchObject({
      state: 'PASS',
      measured: 4,
      n: 500,
    });
    const without = buildGate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'max', count: 'observations' },
    });
    expect(evaluateGate(without, [buildTrial(distribution)])).toMatchObject({ state: 'FAIL', measured: 500 });
  });

  it.each([
    ['NOT_MEASURED', 'no trial at all', []],
    [
      'NOT_MEASURED',
      'a trial that was not measured',
      [buildTrial(undefined, { status: 'not-measured', reason: 'no pause' })],
    ],
    ['NOT_MEASURED', 'a trial that failed', [buildTrial(valueFigure(1), { status: 'failed' })]],
    ['NOT_MEASURED', 'a missing file', [buildTrial(valueFigure(1), { missing: ['x'] })]],
    ['INVALID', 'an altered file', [buildTrial(valueFigure(1), { broken: ['x'] })]],
    ['NOT_MEASURED', 'no result of the client', [buildTrial(valueFigure(1), {}, { client: 'ioredis' })]],
    ['NOT_MEASURED', 'no figure', [buildTrial(undefined)]],
    [
      'NOT_MEASURED',
      'no figure, because the history does not show it',
      [buildTrial(undefined, {}, { validity: 'unknown' })],
    ],
    [
      'FAIL',
      'no figure, because the history shows a violation',
      [buildTrial(undefined, {}, { validity: 'invalid' })],
    ],
    ['INVALID', 'a figure of unknown validity', [buildTrial(valueFigure(1), {}, { validity: 'unknown' })]],
    [
      'PASS',
      'a figure that meets its target in an invalid finding',
      [buildTrial(valueFigure(1), {}, { validity: 'invalid' })],
    ],
    [
      'INVALID',
      'one altered trial among good ones',
      [buildTrial(valueFigure(1)), buildTrial(valueFigure(1), { broken: ['x'] })],
    ],
    [
      'FAIL',
      'a failed trial next to an altered one',
      [buildTrial(valueFigure(999)), buildTrial(valueFigure(1), { broken: ['x'] })],
    ],
    [
      'INVALID',
      'an altered trial next to a missing one',
      [buildTrial(valueFigure(1), { missing: ['x'] }), buildTrial(valueFigure(1), { broken: ['y'] })],
    ],
  ] as const)('is %s with %s', (state, _what, trials) => {
    expect(evaluateGate(buildGate(), trials).state).toBe(state);
  });

  describe('a gate over several drills', () => {
    const over = (sum: string) =>
      buildGate({
        workload: ['first', 'second'],
        sli: { checker: 'a-checker', figure: 'figure', over: sum, count: 'observations' },
        target: { op: '==', value: 0 },
        minN: { quick: 20, full: 20 },
      });
    const both = (a: number, b: number) => [
      buildTrial(valueFigure(0, a), { drill: 'first' }),
      buildTrial(valueFigure(0, b), { drill: 'second' }),
    ];

    it.each(['sum', 'max'])('requires from each drill its share of the smallest n (%s)', (sum) => {
      expect(evaluateGate(over(sum), both(10, 10)).state).toBe('PASS');
      expect(evaluateGate(over(sum), both(500, 9))).toMatchObject({
        state: 'INSUFFICIENT',
        reason: 'second: n = 9 observations, at least 10 needed per drill',
      });
    });

    it('is not measured if one of the drills measured nothing', () => {
      expect(evaluateGate(over('sum'), both(500, 0))).toMatchObject({
        state: 'NOT_MEASURED',
        reason: expect.stringContaining('second: n = 0 ms'),
      });
    });

    it('still fails if another drill misses the target', () => {
      const trials = [
        buildTrial(valueFigure(1, 30), { drill: 'first' }),
        buildTrial(valueFigure(0, 0), { drill: 'second' }),
      ];
      expect(evaluateGate(over('sum'), trials).state).toBe('FAIL');
    });
  });

  it('is not measured if a trial has a gap, but fails if that trial misses the target', () => {
    const gaps = ['pause took effect 0 of 2 times'];
    expect(evaluateGate(buildGate(), [buildTrial(valueFigure(1), { gaps })])).toMatchObject({
      state: 'NOT_MEASURED',
      reason: 'drill #1: pause took effect 0 of 2 times',
      remedy: expect.stringContaining('kit drill drill'),
    });
    expect(evaluateGate(buildGate(), [buildTrial(valueFigure(500), { gaps })]).state).toBe('FAIL');
  });

  it('is not measured if the checker marks its figure as unmeasured, even if the finding is invalid', () => {
    const finding = { validity: 'invalid', unmeasured: { figure: 'no deadline was recorded' } } as const;
    expect(evaluateGate(buildGate(), [buildTrial(undefined, {}, finding)])).toMatchObject({
      state: 'NOT_MEASURED',
      reason: 'drill #1: no deadline was recorded',
    });
  });

  describe('the remedy', () => {
    const timed = buildGate({ timing: { latenessP99MaxMs: 5 } });
    const late = (): JudgedTrial => {
      const one = buildTrial(valueFigure(999));
      const generator = {
        ...(one.results[0] as CheckResult),
        checker: 'generator',
        figures: { latenessP99Ms: valueFigure(50), latenessMaxMs: valueFigure(50) },
      };
      return { ...one, results: [...one.results, generator, calmMachine] };
    };

    it("names the gate's setting if the criterion fails", () => {
      expect(evaluateGate(buildGate(), [buildTrial(valueFigure(999))]).remedy).toBe('change something');
      expect(evaluateGate(buildGate(), [buildTrial(undefined, {}, { validity: 'invalid' })]).remedy).toBe(
        'change something',
      );
    });

    it.each([
      ['a late generator', timed, late(), 'INVALID', /Run again on an idle machine/],
      [
        'no recorded lateness',
        timed,
        buildTrial(valueFigure(1)),
        'INVALID',
        /generator ended before it wrote its lateness/,
      ],
      [
        'an altered file',
        buildGate(),
        buildTrial(valueFigure(1), { broken: ['x'] }),
        'INVALID',
        /unchanged copy of the run/,
      ],
      [
        'a missing file',
        buildGate(),
        buildTrial(valueFigure(1), { missing: ['x'] }),
        'NOT_MEASURED',
        /unchanged copy of the run/,
      ],
      [
        'a trial that is listed twice',
        buildGate(),
        buildTrial(valueFigure(1), { distrusted: 'is listed twice' }),
        'INVALID',
        /unchanged copy of the run/,
      ],
      [
        'evicted keys',
        buildGate(),
        buildTrial(valueFigure(1), {}, { validity: 'unknown', remedy: 'Raise redis.maxmemory.' }),
        'INVALID',
        /^Raise redis\.maxmemory\.$/,
      ],
      [
        'a trial that was not measured',
        buildGate(),
        buildTrial(undefined, { status: 'not-measured', reason: 'no pause' }),
        'NOT_MEASURED',
        /Run kit drill drill --env dev\./,
      ],
    ] as const)('concerns the measurement with %s', (_what, one, found, state, remedy) => {
      const answer = evaluateGate(one, [found]);
      expect(answer.state).toBe(state);
      expect(answer.remedy).toMatch(remedy);
      expect(answer.remedy).not.toContain('change something');
    });

    it('states the number of missing trials', () => {
      const few = buildGate({ minN: { quick: 3, full: 3 } });
      expect(evaluateGate(few, [buildTrial(valueFigure(1))]).remedy).toBe(
        'Run more trials: 3 are needed (--trials).',
      );
      const claim = buildGate({ claim: { kind: 'trials', share: 0.95, confidence: 0.95 } });
      expect(evaluateGate(claim, [buildTrial(valueFigure(1))], FULL).remedy).toBe(
        'Run more trials: 59 are needed (--trials).',
      );
    });

    it('asks for an unmodified copy if the evidence of all criteria is unreliable', () => {
      const context = { tainted: ['config.json is not what was sealed'] };
      expect(evaluateGate(buildGate(), [buildTrial(valueFigure(1))], {}, context)).toMatchObject({
        state: 'INVALID',
        remedy: expect.stringContaining('unchanged copy'),
      });
    });
  });

  it('is INSUFFICIENT below the smallest n, unless it misses the target', () => {
    const few = buildGate({ minN: { quick: 3, full: 3 } });
    expect(
      evaluateGate(
        few,
        buildTrials(2, () => valueFigure(1)),
      ),
    ).toMatchObject({ state: 'INSUFFICIENT', reason: 'n = 2 trials, at least 3 needed' });
    expect(
      evaluateGate(
        few,
        buildTrials(2, () => valueFigure(500)),
      ).state,
    ).toBe('FAIL');
  });

  it('requires every drill of a gate in a readiness run, and only the requested drills in other runs', () => {
    const two = buildGate({ workload: ['drill', 'other'] });
    expect(evaluateGate(two, [buildTrial(valueFigure(1))])).toMatchObject({
      state: 'NOT_MEASURED',
      reason: 'other was not run',
    });
    expect(evaluateGate(two, [buildTrial(valueFigure(1))], { kind: 'drill' }).state).toBe('PASS');
    const shared = buildGate({ workload: ['drill', 'other', 'third'], minN: { quick: 3, full: 60 } });
    expect(evaluateGate(shared, [buildTrial(valueFigure(1))], { kind: 'drill' })).toMatchObject({
      state: 'PASS',
      minN: 1,
    });
    const both = { kind: 'drill', asked: new Set(['drill', 'other']) } as const;
    expect(
      evaluateGate(shared, [buildTrial(valueFigure(1)), buildTrial(valueFigure(1), { drill: 'other' })], both)
        .minN,
    ).toBe(2);
    expect(
      evaluateGate(two, [buildTrial(valueFigure(1))], { kind: 'drill', asked: new Set(['third']) }).state,
    ).toBe('OUT_OF_SCOPE');
  });

  describe('times of a late generator', () => {
    const timed = buildGate({ timing: { latenessP99MaxMs: 5 } });
    const withLateness = (p99Ms: number | undefined, figure: Figure, maxMs = 50) => {
      const one = buildTrial(figure);
      const generator: CheckResult = {
        ...(one.results[0] as CheckResult),
        checker: 'generator',
        figures:
          p99Ms === undefined ? {} : { latenessP99Ms: valueFigure(p99Ms), latenessMaxMs: valueFigure(maxMs) },
      };
      return { ...one, results: [...one.results, generator, calmMachine] };
    };

    it('are INVALID regardless of their values', () => {
      expect(evaluateGate(timed, [withLateness(6, valueFigure(1))]).state).toBe('INVALID');
      expect(evaluateGate(timed, [withLateness(6, valueFigure(999))]).state).toBe('INVALID');
      expect(evaluateGate(timed, [withLateness(undefined, valueFigure(1))]).reason).toMatch(/not recorded/);
    });

    it('are INVALID after one stall if the criterion bounds the longest delay of the generator', () => {
      const moment = buildGate({ timing: { latenessP99MaxMs: 5, latenessMaxMs: 75 } });
      expect(evaluateGate(moment, [withLateness(1, valueFigure(999), 76)])).toMatchObject({
        state: 'INVALID',
        reason: expect.stringMatching(/76 ms late at worst, limit 75 ms/),
      });
      expect(evaluateGate(moment, [withLateness(1, valueFigure(999), 75)]).state).toBe('FAIL');
    });

    it('count if the lateness is within the bound, and are never an excuse for a correctness criterion', () => {
      expect(evaluateGate(timed, [withLateness(5, valueFigure(1))]).state).toBe('PASS');
      expect(evaluateGate(timed, [withLateness(5, valueFigure(999))]).state).toBe('FAIL');
      expect(evaluateGate(buildGate(), [withLateness(6, valueFigure(999))]).state).toBe('FAIL');
    });
  });

  it.each([
    [{ environments: ['production'] }, /applies to production; this is dev/],
    [{ substrates: ['docker'] }, /applies on docker; this is local/],
    [{ profiles: ['full'] }, /profile full; this is quick/],
    [{ topologies: ['single'] }, /topology single; this is sentinel/],
    [{ runs: ['canary', 'capacity'] }, /canary and capacity runs; this is a readiness run/],
    [{ input: 'coverage' }, /no coverage summary/],
  ])('is out of scope, with the reason, if the scope is %j', (scope, reason) => {
    const one = evaluateGate(buildGate({ scope }), [buildTrial(valueFigure(1))]);
    expect(one.state).toBe('OUT_OF_SCOPE');
    expect(one.reason).toMatch(reason);
    expect(one).toMatchObject({ measured: null, n: 0, evidence: [] });
  });

  it('applies only if the environment makes every promise in its scope; if not, it names the missing setting', () => {
    const one = buildGate({ scope: { promises: ['persistence', 'encryption'] } });
    const withheld = evaluateGate(one, [buildTrial(valueFigure(1))], { promises: new Set(['persistence']) });
    expect(withheld.state).toBe('OUT_OF_SCOPE');
    expect(withheld.reason).toMatch(/applies where encryption is promised.*\(promises\.encryption\)/);
    expect(evaluateGate(one, [buildTrial(valueFigure(1))]).state).toBe('PASS');
  });

  it('lists each evidence file once and in order', () => {
    const one = evaluateGate(buildGate(), [buildTrial(valueFigure(1)), buildTrial(valueFigure(2))]);
    expect(one.evidence).toEqual([{ path: 'trials/drill-1/kit.jsonl', sha256: 'a'.repeat(64) }]);
  });
});
