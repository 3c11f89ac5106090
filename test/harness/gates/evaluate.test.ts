import { describe, expect, it } from 'vitest';
import type { CheckResult, Figure } from '../../../harness/checkers/checker.ts';
import type { JudgedTrial } from '../../../harness/gates/read.ts';
import { FULL, gate, judged, many, share, trial, value } from './gate-builders.ts';

const calmMachine: CheckResult = {
  ...(trial(undefined).results[0] as CheckResult),
  checker: 'machine',
  figures: { timerP99Ms: value(1), timerMaxMs: value(2) },
};

describe('evaluate', () => {
  it('takes the worst trial', () => {
    expect(judged(gate(), [trial(value(1)), trial(value(99))])).toMatchObject({
      state: 'PASS',
      measured: 99,
      n: 2,
    });
    expect(judged(gate(), [trial(value(1)), trial(value(100))])).toMatchObject({
      state: 'FAIL',
      measured: 100,
    });
    const least = gate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'min', count: 'trials' },
      target: { op: '>=', value: 5 },
    });
    expect(judged(least, [trial(value(5)), trial(value(4))])).toMatchObject({ state: 'FAIL', measured: 4 });
  });

  it('claims in quick no more than what was observed', () => {
    expect(
      judged(
        gate(),
        many(3, () => value(1)),
      ),
    ).toMatchObject({
      state: 'PASS',
      bound: null,
      because: '1 ms, target < 100 ms; 3 of 3 trials observed',
    });
  });

  it('sums losses over trials and pools shares', () => {
    const total = gate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'sum', count: 'trials' },
      target: { op: '==', value: 0 },
    });
    expect(judged(total, [trial(value(0)), trial(value(2), {}, { reasons: ['w:1, w:2'] })])).toMatchObject({
      state: 'FAIL',
      measured: 2,
      because: expect.stringContaining('w:1, w:2'),
    });
    const pooled = gate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'pool', count: 'observations' },
      target: { op: '>=', value: 0.9 },
      unit: 'ratio',
    });
    expect(judged(pooled, [trial(share(8, 10)), trial(share(100, 100))])).toMatchObject({
      state: 'PASS',
      n: 110,
    });
    expect(judged(pooled, [trial(share(80, 100)), trial(share(10, 10))])).toMatchObject({ state: 'FAIL' });
  });

  it('reads the statistic that the gate names', () => {
    const distribution = {
      kind: 'distribution',
      unit: 'ms',
      n: 500,
      distribution: { min: 1, p50: 2, p95: 3, p99: 4, max: 500, mean: 9 },
      samples: [],
    } as const;
    const p99 = gate({
      sli: { checker: 'a-checker', figure: 'figure', stat: 'p99', over: 'max', count: 'observations' },
    });
    expect(judged(p99, [trial(distribution)])).toMatchObject({ state: 'PASS', measured: 4, n: 500 });
    const without = gate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'max', count: 'observations' },
    });
    expect(judged(without, [trial(distribution)])).toMatchObject({ state: 'FAIL', measured: 500 });
  });

  it.each([
    ['NOT_MEASURED', 'no trial at all', []],
    [
      'NOT_MEASURED',
      'a trial that was not measured',
      [trial(undefined, { status: 'not-measured', reason: 'no pause' })],
    ],
    ['NOT_MEASURED', 'a trial that failed', [trial(value(1), { status: 'failed' })]],
    ['NOT_MEASURED', 'a missing file', [trial(value(1), { missing: ['x'] })]],
    ['INVALID', 'an altered file', [trial(value(1), { broken: ['x'] })]],
    ['NOT_MEASURED', 'no result of the client', [trial(value(1), {}, { client: 'ioredis' })]],
    ['NOT_MEASURED', 'no figure', [trial(undefined)]],
    [
      'NOT_MEASURED',
      'no figure, because the history does not show it',
      [trial(undefined, {}, { validity: 'unknown' })],
    ],
    [
      'FAIL',
      'no figure, because the history shows a violation',
      [trial(undefined, {}, { validity: 'invalid' })],
    ],
    ['INVALID', 'a figure in doubt', [trial(value(1), {}, { validity: 'unknown' })]],
    [
      'PASS',
      'a figure that meets its target in an invalid finding',
      [trial(value(1), {}, { validity: 'invalid' })],
    ],
    ['INVALID', 'one altered trial among good ones', [trial(value(1)), trial(value(1), { broken: ['x'] })]],
    ['FAIL', 'a failed trial beside an altered one', [trial(value(999)), trial(value(1), { broken: ['x'] })]],
    [
      'INVALID',
      'an altered trial beside a missing one',
      [trial(value(1), { missing: ['x'] }), trial(value(1), { broken: ['y'] })],
    ],
  ] as const)('is %s with %s', (state, _what, trials) => {
    expect(judged(gate(), trials).state).toBe(state);
  });

  describe('a gate over several drills', () => {
    const over = (sum: string) =>
      gate({
        workload: ['first', 'second'],
        sli: { checker: 'a-checker', figure: 'figure', over: sum, count: 'observations' },
        target: { op: '==', value: 0 },
        minN: { quick: 20, full: 20 },
      });
    const both = (a: number, b: number) => [
      trial(value(0, a), { drill: 'first' }),
      trial(value(0, b), { drill: 'second' }),
    ];

    it.each(['sum', 'max'])('needs of each drill its share of the smallest n (%s)', (sum) => {
      expect(judged(over(sum), both(10, 10)).state).toBe('PASS');
      expect(judged(over(sum), both(500, 9))).toMatchObject({
        state: 'INSUFFICIENT',
        because: '9 observations of second; 10 are the fewest that count of each drill',
      });
    });

    it('is not measured where one of them looked at nothing', () => {
      expect(judged(over('sum'), both(500, 0))).toMatchObject({
        state: 'NOT_MEASURED',
        because: expect.stringContaining('second: 0 ms were looked at'),
      });
    });

    it('fails all the same where another one misses the target', () => {
      const trials = [trial(value(1, 30), { drill: 'first' }), trial(value(0, 0), { drill: 'second' })];
      expect(judged(over('sum'), trials).state).toBe('FAIL');
    });
  });

  it('is not measured by a trial with a gap, and fails by one that misses the target', () => {
    const gaps = ['pause took effect 0 of 2 times'];
    expect(judged(gate(), [trial(value(1), { gaps })])).toMatchObject({
      state: 'NOT_MEASURED',
      because: 'drill #1: pause took effect 0 of 2 times',
      remedy: expect.stringContaining('kit drill drill'),
    });
    expect(judged(gate(), [trial(value(500), { gaps })]).state).toBe('FAIL');
  });

  it('is not measured where the checker says so of this figure, whatever it says of others', () => {
    const finding = { validity: 'invalid', unmeasured: { figure: 'no deadline was recorded' } } as const;
    expect(judged(gate(), [trial(undefined, {}, finding)])).toMatchObject({
      state: 'NOT_MEASURED',
      because: 'drill #1: no deadline was recorded',
    });
  });

  describe('the remedy', () => {
    const timed = gate({ timing: { latenessP99MaxMs: 5 } });
    const late = (): JudgedTrial => {
      const one = trial(value(999));
      const generator = {
        ...(one.results[0] as CheckResult),
        checker: 'generator',
        figures: { latenessP99Ms: value(50), latenessMaxMs: value(50) },
      };
      return { ...one, results: [...one.results, generator, calmMachine] };
    };

    it('is the setting of the gate where the criterion fails', () => {
      expect(judged(gate(), [trial(value(999))]).remedy).toBe('change something');
      expect(judged(gate(), [trial(undefined, {}, { validity: 'invalid' })]).remedy).toBe('change something');
    });

    it.each([
      ['a late generator', timed, late(), 'INVALID', /Run again with nothing else on the machine/],
      [
        'no recorded lateness',
        timed,
        trial(value(1)),
        'INVALID',
        /generator ended before it wrote its lateness/,
      ],
      ['an altered file', gate(), trial(value(1), { broken: ['x'] }), 'INVALID', /unchanged copy of the run/],
      [
        'a missing file',
        gate(),
        trial(value(1), { missing: ['x'] }),
        'NOT_MEASURED',
        /unchanged copy of the run/,
      ],
      [
        'a trial that is listed twice',
        gate(),
        trial(value(1), { distrusted: 'is listed twice' }),
        'INVALID',
        /unchanged copy of the run/,
      ],
      [
        'evicted keys',
        gate(),
        trial(value(1), {}, { validity: 'unknown', remedy: 'Raise redis.maxmemory.' }),
        'INVALID',
        /^Raise redis\.maxmemory\.$/,
      ],
      [
        'a trial that was not measured',
        gate(),
        trial(undefined, { status: 'not-measured', reason: 'no pause' }),
        'NOT_MEASURED',
        /Run it: kit drill drill --env dev\./,
      ],
    ] as const)('is about the measurement with %s', (_what, one, found, state, remedy) => {
      const answer = judged(one, [found]);
      expect(answer.state).toBe(state);
      expect(answer.remedy).toMatch(remedy);
      expect(answer.remedy).not.toContain('change something');
    });

    it('is the number of trials that are missing', () => {
      const few = gate({ minN: { quick: 3, full: 3 } });
      expect(judged(few, [trial(value(1))]).remedy).toBe('Run more trials: 3 are needed (--trials).');
      const claim = gate({ claim: { kind: 'trials', share: 0.95, confidence: 0.95 } });
      expect(judged(claim, [trial(value(1))], FULL).remedy).toBe(
        'Run more trials: 59 are needed (--trials).',
      );
    });

    it('is an unchanged copy where no criterion can be trusted', () => {
      const context = { tainted: ['config.json is not what was sealed'] };
      expect(judged(gate(), [trial(value(1))], {}, context)).toMatchObject({
        state: 'INVALID',
        remedy: expect.stringContaining('unchanged copy'),
      });
    });
  });

  it('is INSUFFICIENT with fewer than the smallest n, however good', () => {
    const few = gate({ minN: { quick: 3, full: 3 } });
    expect(
      judged(
        few,
        many(2, () => value(1)),
      ),
    ).toMatchObject({ state: 'INSUFFICIENT', because: '2 trials; 3 are the fewest that count' });
    expect(
      judged(
        few,
        many(2, () => value(500)),
      ).state,
    ).toBe('FAIL');
  });

  it('wants every drill of a gate in a readiness run, and those that were asked for in another', () => {
    const two = gate({ workload: ['drill', 'other'] });
    expect(judged(two, [trial(value(1))])).toMatchObject({
      state: 'NOT_MEASURED',
      because: 'other was not run',
    });
    expect(judged(two, [trial(value(1))], { kind: 'drill' }).state).toBe('PASS');
    const shared = gate({ workload: ['drill', 'other', 'third'], minN: { quick: 3, full: 60 } });
    expect(judged(shared, [trial(value(1))], { kind: 'drill' })).toMatchObject({ state: 'PASS', minN: 1 });
    const both = { kind: 'drill', asked: new Set(['drill', 'other']) } as const;
    expect(judged(shared, [trial(value(1)), trial(value(1), { drill: 'other' })], both).minN).toBe(2);
    expect(judged(two, [trial(value(1))], { kind: 'drill', asked: new Set(['third']) }).state).toBe(
      'OUT_OF_SCOPE',
    );
  });

  describe('times of a late generator', () => {
    const timed = gate({ timing: { latenessP99MaxMs: 5 } });
    const withLateness = (p99Ms: number | undefined, figure: Figure, maxMs = 50) => {
      const one = trial(figure);
      const generator: CheckResult = {
        ...(one.results[0] as CheckResult),
        checker: 'generator',
        figures: p99Ms === undefined ? {} : { latenessP99Ms: value(p99Ms), latenessMaxMs: value(maxMs) },
      };
      return { ...one, results: [...one.results, generator, calmMachine] };
    };

    it('are INVALID, good or bad', () => {
      expect(judged(timed, [withLateness(6, value(1))]).state).toBe('INVALID');
      expect(judged(timed, [withLateness(6, value(999))]).state).toBe('INVALID');
      expect(judged(timed, [withLateness(undefined, value(1))]).because).toMatch(/not recorded/);
    });

    it('are INVALID after one stall, where the criterion is about one moment', () => {
      const moment = gate({ timing: { latenessP99MaxMs: 5, latenessMaxMs: 75 } });
      expect(judged(moment, [withLateness(1, value(999), 76)])).toMatchObject({
        state: 'INVALID',
        because: expect.stringMatching(/76 ms late at worst, at most 75 ms/),
      });
      expect(judged(moment, [withLateness(1, value(999), 75)]).state).toBe('FAIL');
    });

    it('count up to the bound, and never excuse a criterion of correctness', () => {
      expect(judged(timed, [withLateness(5, value(1))]).state).toBe('PASS');
      expect(judged(timed, [withLateness(5, value(999))]).state).toBe('FAIL');
      expect(judged(gate(), [withLateness(6, value(999))]).state).toBe('FAIL');
    });
  });

  it.each([
    [{ environments: ['production'] }, /asked of production; this is dev/],
    [{ substrates: ['docker'] }, /asked on docker; this is local/],
    [{ profiles: ['full'] }, /profile full; this is quick/],
    [{ topologies: ['single'] }, /topology single; this is sentinel/],
    [{ runs: ['canary', 'capacity'] }, /canary and capacity runs; this is a readiness run/],
    [{ input: 'coverage' }, /no coverage summary/],
  ])('leaves %j out of scope, with the reason', (scope, reason) => {
    const one = judged(gate({ scope }), [trial(value(1))]);
    expect(one.state).toBe('OUT_OF_SCOPE');
    expect(one.because).toMatch(reason);
    expect(one).toMatchObject({ measured: null, n: 0, evidence: [] });
  });

  it('asks only where the environment makes every promise of the scope, and names the setting that withholds one', () => {
    const one = gate({ scope: { promises: ['persistence', 'encryption'] } });
    const withheld = judged(one, [trial(value(1))], { promises: new Set(['persistence']) });
    expect(withheld.state).toBe('OUT_OF_SCOPE');
    expect(withheld.because).toMatch(/asked where encryption is promised.*\(promises\.encryption\)/);
    expect(judged(one, [trial(value(1))]).state).toBe('PASS');
  });

  it('names the evidence once and in order', () => {
    const one = judged(gate(), [trial(value(1)), trial(value(2))]);
    expect(one.evidence).toEqual([{ path: 'trials/drill-1/kit.jsonl', sha256: 'a'.repeat(64) }]);
  });
});
