/**
 * Pools of hand-written runs: the selection of runs with the same configuration, and bounds based on order statistics.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import type { CheckResult } from '../../../harness/checkers/checker.ts';
import { drills } from '../../../harness/drills/index.ts';
import { stormOf } from '../../../harness/drills/storm/index.ts';
import { type PooledTrial, poolFigures } from '../../../harness/judge/pool/figures.ts';
import { poolRuns } from '../../../harness/judge/pool/index.ts';
import { poolText } from '../../../scripts/pool-text.ts';
import { buildEnvironment } from '../checkers/history-builders.ts';
import { withLostWrite } from '../gates/fixtures/failovers.ts';
import type { RunOptions } from '../healthy-run.ts';
import { changeManifest, ScratchRuns } from '../scratch-runs.ts';

let scratch: ScratchRuns;
beforeEach(() => {
  scratch = new ScratchRuns();
});
afterEach(() => scratch[Symbol.dispose]());

const MASTER_CRASH = drills.filter(({ id }) => id === 'master-crash');
const createRun = (runId: string, options: RunOptions = {}) =>
  scratch.createRun({ drills: MASTER_CRASH, ...options, manifest: { runId, ...options.manifest } });

const value = (amount: number) => ({ kind: 'value', value: amount, unit: 'ms', n: 1 }) as const;
const result = (checker: string, figures: CheckResult['figures']): CheckResult => ({
  ...{ checker, figures, drill: 'master-crash', trial: 1, client: 'kit' },
  ...{ validity: 'valid', reasons: [] },
});
const { machine } = loadGates();
const trialOf = (writeGapMs: number, durableLost = 0, timerMaxMs = 1): PooledTrial => ({
  drill: 'master-crash',
  machine,
  results: [
    result('recovery', { writeGapMs: value(writeGapMs) }),
    result('lost-writes', { durableLost: value(durableLost) }),
    result('machine', { timerMaxMs: value(timerMaxMs) }),
  ],
});
const trials = (count: number) => Array.from({ length: count }, (_, i) => trialOf(1_000 + i));

it('a pool bounds the median and the p95 with order statistics, and makes no claim from too few trials', () => {
  expect(poolFigures(trials(4)).times[0]).toMatchObject({ n: 4, medianAtMost: null, p95AtMost: null });
  expect(poolFigures(trials(5)).times[0]).toMatchObject({ medianAtMost: 1_004, p95AtMost: null });
  expect(poolFigures(trials(59)).times[0]).toMatchObject({ min: 1_000, max: 1_058, p95AtMost: 1_058 });
});

it('a pool counts a trial that never recovered as longer than every bound', () => {
  const { results, ...rest } = trialOf(1_000);
  const never: PooledTrial = {
    ...rest,
    results: results.map((each) =>
      each.checker === 'recovery' ? { ...each, validity: 'invalid', figures: {} } : each,
    ),
  };
  const [row] = poolFigures([...trials(59), never, never, never, never]).times;
  expect(row).toMatchObject({ n: 59, never: 4, p95AtMost: null });
  expect(row?.medianAtMost).toBeGreaterThan(1_000);
});

it('a pool bounds the share of trials without a loss', () => {
  const { counts } = poolFigures([...trials(28), trialOf(1_000, 3)]);
  expect(counts[0]).toMatchObject({ figure: 'durableLost', n: 29, without: 28, max: 3 });
  expect(counts[0]?.shareAtLeast).toBeLessThan(0.9);
  expect(poolFigures(trials(29)).counts[0]?.shareAtLeast).toBeGreaterThanOrEqual(0.9);
});

it('a pool excludes trials on a busy machine from times, but never from counts', () => {
  const { times, counts } = poolFigures([...trials(5), trialOf(9_000, 7, 500)]);
  expect(times[0]).toMatchObject({ n: 5, max: 1_004, leftOut: 1 });
  expect(counts[0]).toMatchObject({ n: 6, max: 7 });
});

it('a pool contains the runs with the same configuration, and names the other runs', () => {
  createRun('first', { trials: 2 });
  createRun('lossy', withLostWrite('master-crash', 1_000));
  createRun('other', { environment: buildEnvironment({ redis: { minReplicasMaxLagSeconds: 3 } }) });
  createRun('unfinished', { manifest: { incomplete: 'the run was interrupted' } });
  const altered = createRun('altered');
  writeFileSync(join(altered.dir, 'trials/master-crash-1/kit.jsonl'), '');
  const pool = poolRuns(createRun('last').dir);
  expect(pool.runs).toEqual(['first', 'lossy', 'last']);
  expect(pool.leftOut.map(({ reason }) => reason)).toEqual([
    'different configuration, substrate, server, kit or client',
    'the run was interrupted',
    expect.stringContaining('its evidence differs from the seal: trials/master-crash-1/kit.jsonl'),
  ]);
  const lost = pool.counts.find(({ client, figure }) => client === 'kit' && figure === 'lost');
  expect(lost).toMatchObject({ drill: 'master-crash', n: 4 });
  expect(poolText(pool)).toContain('| master-crash | kit ');
});

it('a pool names a trial that did not complete', () => {
  const { dir } = createRun('only');
  const record = {
    ...{ drill: 'master-crash', trial: 2, status: 'not-measured', reason: 'no room', seed: 1 },
    ...{ clients: ['kit'], files: [], startedUs: 0, endedUs: 0 },
  } as const;
  changeManifest(dir, (manifest) => ({ ...manifest, trials: [...manifest.trials, record] }));
  expect(poolRuns(dir).leftOut).toContainEqual({
    run: 'run-1',
    reason: 'master-crash #2 was not measured: no room',
  });
});

it('a pool combines storms with different seeds, but not trials whose drill definitions differ', () => {
  createRun('seed-1', { drills: [stormOf({ seed: 1, minutes: 1 })] });
  createRun('longer', { drills: [stormOf({ seed: 1, minutes: 2 })] });
  const pool = poolRuns(createRun('seed-2', { drills: [stormOf({ seed: 2, minutes: 1 })] }).dir);
  expect(pool.runs).toEqual(['seed-1', 'seed-2']);
  expect(pool.leftOut).toEqual([{ run: 'run-2', reason: 'no completed trial of the same drills' }]);
});
