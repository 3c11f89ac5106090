import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadGates } from '../../config/gates.ts';
import { drills } from '../../harness/drills/index.ts';
import { canonicalJson } from '../../harness/evidence/canonical-json.ts';
import { analyzeRun, verifyRun } from '../../harness/judge/index.ts';
import type { Report } from '../../harness/reports/report.ts';
import {
  buildEnvironment,
  closingPhase,
  infoSample,
  observation,
  op,
  writes,
} from './checkers/history-builders.ts';
import { lateness } from './client-histories.ts';
import { MANIFEST, type RunOptions } from './healthy-run.ts';
import { changeManifest, findCriterion, ScratchRuns } from './scratch-runs.ts';

const scratch = new ScratchRuns();
let healthy = '';
let healthyReport: Report;
beforeAll(() => {
  ({ dir: healthy, report: healthyReport } = scratch.createReportedRun());
});
afterAll(() => scratch[Symbol.dispose]());

const run = (options: RunOptions) => analyzeRun(scratch.createRun(options).dir);

describe('a healthy run', () => {
  it('is a GO in which every criterion in scope passes, and lists other criteria with the reason', () => {
    const report = healthyReport;
    const blocking = report.verdict.criteria.filter(
      ({ state }) => state !== 'PASS' && state !== 'OUT_OF_SCOPE',
    );
    expect(blocking).toEqual([]);
    expect(report.verdict).toMatchObject({ decision: 'GO', exitCode: 0, action: 'enable' });
    expect(report.verdict.counts.PASS).toBeGreaterThan(45);
    expect(findCriterion(report, 'canary-error-delta')).toMatchObject({
      state: 'OUT_OF_SCOPE',
      reason: expect.stringContaining('in profile full and by name (kit drill canary-rollback)'),
    });
    expect(findCriterion(report, 'coverage-lines').reason).toContain('--coverage FILE');
  });

  it('has a measurement, n, and evidence files with their SHA-256 for every judged criterion', () => {
    for (const one of healthyReport.verdict.criteria.filter(({ state }) => state === 'PASS')) {
      expect(one.measured, one.id).not.toBeNull();
      expect(one.n, one.id).toBeGreaterThanOrEqual(one.minN);
      expect(one.evidence.length, one.id).toBeGreaterThan(0);
      expect(
        one.evidence.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256)),
        one.id,
      ).toBe(true);
    }
  });

  it('produces a byte-identical report each time, and passes verify', () => {
    expect(canonicalJson(analyzeRun(healthy))).toBe(canonicalJson(analyzeRun(healthy)));
    expect(verifyRun(healthy)).toEqual({ ok: true, problems: [], notes: [] });
    expect(verifyRun(healthy, { 'report.json': canonicalJson })).toMatchObject({ ok: true });
  });

  it('shows both clients, benchmarks, and timelines with the fault', () => {
    const report = healthyReport;
    expect(report.comparison.map(({ drill, client }) => `${drill} ${client}`)).toEqual(
      ['planned-switch', 'master-crash', 'master-hang', 'short-stall', 'replies-lost'].flatMap((drill) => [
        `${drill} kit`,
        `${drill} ioredis`,
      ]),
    );
    expect(report.comparison[0]).toMatchObject({
      acknowledgedLost: 0,
      durableLost: 0,
      deadClients: 0,
      trials: 1,
    });
    expect(report.comparison[1]).toMatchObject({ durableLost: null });
    const rows = report.benchmarks.flatMap((one) => one.rows.map((row) => `${row.label}: ${row.value}`));
    expect(rows).toContain('Catalogue: 10 keys: each is computed once, so there are at least 10 misses');
    expect(rows.join('\n')).toMatch(
      /time saved\): 79\.5 %, a factor of 4\.87 \(001: 79\.0 %, a factor of 4\.76\)/,
    );
    const crash = report.trials.find((trial) => trial.drill === 'master-crash');
    expect(crash?.faults).toEqual([{ fault: 'kill', node: 'redis-1', fromMs: 2000, toMs: 2600 }]);
    expect(crash?.marks.map(({ label }) => label)).toEqual([
      '+switch-master',
      'first write after the fault (kit)',
      'first write after the fault (ioredis)',
    ]);
    expect(crash?.timelines.kit?.length).toBe(24);
  });
});

describe('the report of a run', () => {
  it.each([
    ['persistence', buildEnvironment({ redis: { appendonly: false, save: [] } }), /redis\.appendonly/],
    [
      'durability-backed',
      buildEnvironment({ redis: { minReplicasToWrite: 0 } }),
      /redis\.minReplicasToWrite/,
    ],
    ['quorum', buildEnvironment({ topology: { quorum: 3 } }), /topology\.quorum/],
    ['supervised-client', buildEnvironment({ client: { supervision: false } }), /client\.supervision/],
  ] as const)(
    'is a no-go with the misconfiguration %s, and the remedy names the setting',
    (id, planted, setting) => {
      const report = run({ environment: planted });
      expect(report.verdict).toMatchObject({ decision: 'NO_GO', exitCode: 1, action: 'keep-disabled' });
      const one = findCriterion(report, id);
      expect(one.state).toBe('FAIL');
      expect(one.remedy).toMatch(setting);
      expect(one.reason).toMatch(setting);
      expect(report.verdict.counts.FAIL).toBe(1);
    },
  );

  it('is a no-go when one durable write of one trial is lost', () => {
    const lost = op({ at: 1995, done: 1996, durability: { replicas: 1, timeoutMs: 1000 }, replicas: 1 });
    const gone = {
      type: 'final',
      node: 'redis-2',
      redisRole: 'master',
      atUs: 20_000_001,
      entries: [['w:1995', null]],
    } as const;
    const report = run({ extra: { 'master-crash/kit': lost, 'master-crash/events': gone } });
    expect(report.verdict).toMatchObject({ decision: 'NO_GO', exitCode: 1, action: 'keep-disabled' });
    expect(findCriterion(report, 'durable-kept-master-crash')).toMatchObject({
      state: 'FAIL',
      measured: 1,
      reason: expect.stringContaining('w:1995'),
    });
    expect(findCriterion(report, 'durable-kept-master-hang').state).toBe('PASS');
  });

  it('omits the loss figure when keys were evicted', () => {
    const evicted = [infoSample('redis-1', 3000, { evictedKeys: 1, usedMemory: 1, maxmemory: 100 })];
    const report = run({ extra: { 'master-crash/events': evicted } });
    expect(report.verdict.exitCode).toBe(3);
    expect(findCriterion(report, 'durable-kept-master-crash')).toMatchObject({
      state: 'INVALID',
      reason: expect.stringContaining('evicted'),
      remedy: expect.stringMatching(/^Raise redis\.maxmemory so that nothing is evicted/),
    });
  });

  it('uses no times from a late generator, but still counts losses', () => {
    const late = observation(
      'workload',
      'lateness-total',
      99_999,
      { p50Ms: 40, p99Ms: 400, maxMs: 900, n: 9 },
      { client: 'kit' },
    );
    const report = run({ extra: { 'steady/kit': late, 'master-crash/kit': late } });
    expect(report.verdict.exitCode).toBe(3);
    expect(findCriterion(report, 'get-latency')).toMatchObject({
      state: 'INVALID',
      reason: expect.stringContaining('400 ms late at p99'),
      remedy: expect.stringContaining('Run again on an idle machine'),
    });
    expect(findCriterion(report, 'durable-kept-master-crash').state).toBe('PASS');
    expect(findCriterion(report, 'failover-time-master-crash').state).toBe('PASS');
  });

  it('recommends the breaker and a shorter TTL if only service criteria fail', () => {
    const failing = writes(2000, 2400, 1, { outcome: 'fail', code: 'TIMEOUT' });
    const report = run({ extra: { 'steady/kit': failing } });
    expect(report.verdict).toMatchObject({ decision: 'NO_GO', exitCode: 1, action: 'deploy-with-breaker' });
    expect(report.verdict.advice).toContain('CACHE_DEFAULT_TTL=75');
    expect(report.verdict.advice).toContain('CIRCUIT_BREAKER_THRESHOLD=3');
    expect(report.verdict.advice).toContain('CIRCUIT_BREAKER_TIMEOUT=60');
  });

  it('is a no-go when the client never writes again', () => {
    const dead = [
      writes(0, 2000, 10, { durability: { replicas: 1, timeoutMs: 1000 }, replicas: 1 }),
      op({ at: 3000 }),
      lateness('kit'),
      closingPhase('kit', { troubles: 6, trouble: 'set: memory' }),
    ];
    const report = run({ instead: { 'master-crash/kit': dead } });
    expect(findCriterion(report, 'failover-time-master-crash')).toMatchObject({
      state: 'FAIL',
      measured: null,
    });
    expect(findCriterion(report, 'no-dead-client')).toMatchObject({ state: 'FAIL', measured: 1 });
    expect(report.verdict.exitCode).toBe(1);
  });

  it('is UNKNOWN if a drill was not run, or its trial did not complete', () => {
    const without = run({ drills: drills.filter(({ id }) => id !== 'security') });
    expect(without.verdict.exitCode).toBe(3);
    expect(findCriterion(without, 'security')).toMatchObject({
      state: 'NOT_MEASURED',
      reason: 'security was not run',
    });
    const record = {
      drill: 'security',
      trial: 1,
      status: 'not-measured',
      reason: 'no room',
      seed: 1,
      clients: ['kit'],
      files: [],
      startedUs: 0,
      endedUs: 0,
    } as const;
    const dir = scratch.createRun({
      drills: drills.filter(({ id }) => id !== 'security'),
    }).dir;
    changeManifest(dir, (manifest) => ({ ...manifest, trials: [...manifest.trials, record] }));
    expect(findCriterion(analyzeRun(dir), 'security').reason).toBe('security #1 was not measured: no room');
  });

  it('requires only the requested drills', () => {
    const some = drills.filter(({ id }) => id === 'master-crash');
    const report = run({ drills: some, manifest: { kind: 'drill' } });
    expect(findCriterion(report, 'durable-kept-master-crash').state).toBe('PASS');
    expect(findCriterion(report, 'persistence').state).toBe('PASS');
    expect(findCriterion(report, 'get-latency')).toMatchObject({
      state: 'OUT_OF_SCOPE',
      reason: 'none of its drills was requested in this run',
    });
  });

  it('claims no more in the full profile than the trials support', () => {
    const one = drills.filter(({ id }) => id === 'master-crash');
    const short = run({ drills: one, manifest: { kind: 'drill', profile: 'full' } });
    expect(findCriterion(short, 'durable-kept-master-crash')).toMatchObject({
      state: 'INSUFFICIENT',
      n: 1,
      minN: 20,
    });
    const long = run({ drills: one, trials: 20, manifest: { kind: 'drill', profile: 'full' } });
    expect(findCriterion(long, 'durable-kept-master-crash')).toMatchObject({
      state: 'PASS',
      n: 20,
      bound: { kind: 'lower', confidence: 0.95, method: 'clopper-pearson', value: 0.860892 },
    });
    expect(findCriterion(long, 'failover-time-master-crash')).toMatchObject({
      state: 'PASS',
      bound: { kind: 'upper', method: 'order-statistic', value: 201 },
    });
    expect(findCriterion(long, 'coverage-lines')).toMatchObject({ state: 'NOT_MEASURED' });
  });

  describe('with a coverage summary', () => {
    const summaryOf = (lines: number) =>
      JSON.stringify({
        total: { lines: { covered: lines, total: 1000 }, branches: { covered: 900, total: 1000 } },
      });
    const stampOf = (commit: string) =>
      JSON.stringify({ commit, summarySha256: createHash('sha256').update(summaryOf(850)).digest('hex') });
    const judgeCoverage = (inputs: Parameters<typeof run>[0]) =>
      findCriterion(run({ coverage: summaryOf(850), ...inputs }), 'coverage-lines');
    const CLEAN = MANIFEST.commit ?? '';
    const DIRTY = `${CLEAN}-dirty`;

    it.each([
      [850, 'PASS', 0.85],
      [700, 'FAIL', 0.7],
    ])('measures %i of 1000 covered lines as %s', (lines, state, measured) => {
      expect(judgeCoverage({ coverage: summaryOf(lines) })).toMatchObject({ state, measured });
    });

    it('passes if the summary belongs to the commit of the run', () => {
      expect(judgeCoverage({ coverageCommit: stampOf(CLEAN) })).toMatchObject({ state: 'PASS' });
    });

    it('is INVALID if the summary belongs to another commit, and names both commits', () => {
      expect(judgeCoverage({ coverageCommit: stampOf('0ther000') })).toMatchObject({
        state: 'INVALID',
        reason: expect.stringContaining('belongs to commit 0ther000, this run to c0ffee00'),
      });
    });

    it.each([
      ['the summary', DIRTY, CLEAN],
      ['the run', CLEAN, DIRTY],
      ['both', DIRTY, DIRTY],
    ])('is INVALID if the files of %s differ from the commit', (_, ofSummary, commit) => {
      const coverageCommit = stampOf(ofSummary);
      expect(judgeCoverage({ coverageCommit, manifest: { commit } }).state).toBe('INVALID');
    });

    it('is INVALID if the commit of the run is unknown', () => {
      const manifest = { commit: null };
      expect(judgeCoverage({ coverageCommit: stampOf(CLEAN), manifest }).state).toBe('INVALID');
    });

    it.each(['{}', 'no JSON', JSON.stringify({ commit: CLEAN, summarySha256: 'another' })])(
      'is INVALID with the stamp %s, and names the file',
      (coverageCommit) => {
        expect(judgeCoverage({ coverageCommit })).toMatchObject({
          state: 'INVALID',
          reason: expect.stringContaining('coverage-commit.json'),
        });
      },
    );

    it.each(['{}', 'no JSON'])('is NOT_MEASURED with the summary %s', (coverage) => {
      expect(judgeCoverage({ coverage }).state).toBe('NOT_MEASURED');
    });
  });

  it('applies a waiver until its expiry, at most 30 days after the judgement', () => {
    const waive = (...days: readonly string[]) => {
      const waiver = { gate: 'supervised-client', owner: 'Ada', reason: 'known and watched' };
      return run({
        environment: buildEnvironment({ client: { supervision: false } }),
        gates: { ...loadGates(), waivers: days.map((expires) => ({ ...waiver, expires })) },
      });
    };
    const waived = waive('2030-01-01');
    expect(waived.verdict).toMatchObject({ decision: 'CONDITIONAL_GO', exitCode: 0 });
    expect(waived.verdict.advice[0]).toBe(
      'Condition: supervised-client is waived by Ada until 2030-01-01: known and watched',
    );
    expect(findCriterion(waived, 'supervised-client')).toMatchObject({
      state: 'WAIVED',
      reason: expect.stringMatching(/^FAIL: .*client\.supervision is false/),
      waiver: { owner: 'Ada', reason: 'known and watched', expires: '2030-01-01', status: 'in-force' },
    });
    const both = waive('2029-12-31', '2030-01-01');
    expect(findCriterion(both, 'supervised-client')).toMatchObject({
      state: 'WAIVED',
      waiver: { expires: '2030-01-01' },
    });
    const expired = waive('2029-12-31');
    expect(expired.verdict.exitCode).toBe(1);
    expect(findCriterion(expired, 'supervised-client')).toMatchObject({
      state: 'FAIL',
      waiver: { owner: 'Ada', reason: 'known and watched', expires: '2029-12-31', status: 'expired' },
    });
    expect(findCriterion(waive('2030-01-31'), 'supervised-client').state).toBe('WAIVED');
    const tooLong = waive('2030-02-01', '2029-12-31');
    expect(tooLong.verdict.exitCode).toBe(1);
    expect(findCriterion(tooLong, 'supervised-client')).toMatchObject({
      state: 'FAIL',
      waiver: { expires: '2030-02-01', status: 'too-long' },
    });
  });

  it('lists as out of scope the criteria that a single-node environment cannot meet', () => {
    const single = buildEnvironment({
      topology: { kind: 'single', replicas: 0, sentinels: 0, quorum: 1 },
      redis: { minReplicasToWrite: 0 },
      durability: { durableWrites: 'async' },
    });
    const report = run({
      environment: single,
      drills: drills.filter(({ topologies }) => topologies.includes('single')),
    });
    expect(findCriterion(report, 'quorum').state).toBe('OUT_OF_SCOPE');
    expect(findCriterion(report, 'durability-backed').reason).toMatch(
      /durability is promised.*durability\.durableWrites/,
    );
    expect(report.verdict.decision).toBe('GO');
  });
});
