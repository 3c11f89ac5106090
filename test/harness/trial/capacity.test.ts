/**
 * The drills in the capacity profile on a real Redis with small rates: each drill records its figures and removes its
 * keys.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { trialCheckers } from '../../../harness/checkers/index.ts';
import type { Drill } from '../../../harness/drills/drill.ts';
import { openClock } from '../../../harness/history/clock.ts';
import { parseHistory } from '../../../harness/history/parse.ts';
import { openMachineWatch } from '../../../harness/samplers/machine/index.ts';
import { runTrial } from '../../../harness/trial/index.ts';
import { findK6 } from '../../../harness/workloads/http/k6.ts';
import { connectionLimit } from '../../../harness/workloads/load/connections.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { buildContext } from '../checkers/history-builders.ts';
import { drillNamed } from './builders.ts';

type Parameters = Drill['workload']['parameters'];

/** Parameters of a trial that takes one or two seconds, and figures that it must have, as `<checker>.<figure>`. */
const SMALL: Readonly<Record<string, readonly [Parameters, readonly string[]]>> = {
  'load-mixes': [
    { catalogue: 100, perSecond: 100, stepMs: 600, warmUpMs: 100, concurrent: 10 },
    [
      ...['getP99Ms', 'setP99Ms', 'operationP99Ms', 'batchGetP95Ms', 'concurrentP99Ms', 'answered'].map(
        (figure) => `load.${figure}`,
      ),
      ...['load-values.hits', 'load-values.wrong', 'memory.usedRatio'],
    ],
  ],
  throughput: [
    {
      ...{ catalogue: 100, threads: 1, wantedPerSecond: 300, firstPerSecond: 200, maximumSteps: 3 },
      ...{ stepMs: 600, warmUpMs: 100, serverRequests: 500 },
    },
    ['load.sustainedPerSecond', 'load.limit.get', 'load.limit.set'],
  ],
  connections: [{ connections: 60, perSecond: 600, gets: 10 }, ['capacity.connections', 'capacity.getP99Ms']],
  'memory-growth': [{ points: 4, keysPerPoint: 500 }, ['capacity.linearity', 'capacity.bytesPerKey']],
  soak: [
    { catalogue: 100, perSecond: 200, slices: 9, sliceMs: 100 },
    ['leakBytesPerOperation', 'serverGrowthBytesPerOperation', 'lagSeconds', 'hitRatio'].map(
      (figure) => `soak.${figure}`,
    ),
  ],
};

let dir: string;
let environment: Environment;
const clock = openClock();
const machine = openMachineWatch();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'capacity-'));
  const topology = planTopology(loadEnvironment('single'));
  environment = await localSubstrate({ stateDir: join(dir, 'state') }).apply(topology, { ephemeral: true });
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
  await environment?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs a drill with different parameters. Returns all figures and reasons of its checkers. */
async function figuresOf(id: string, parameters: Parameters) {
  const drill = drillNamed(id);
  const workload = { ...drill.workload, parameters: { ...drill.workload.parameters, ...parameters } };
  const trial = { trial: 1, environment, dir, machine, seed: 1, clock, profile: 'quick' } as const;
  const record = await runTrial({ drill: { ...drill, workload }, ...trial });
  expect(record.reason).toBeUndefined();
  const texts = record.files.map((path) => ({ path, text: readFileSync(join(dir, path), 'utf8') }));
  const { history } = parseHistory(texts, record);
  const own = trialCheckers.filter((checker) => drill.checkers.includes(checker.id));
  const findings = own.map((checker) => ({ id: checker.id, ...checker.check(history, buildContext()) }));
  return {
    figures: findings.flatMap((found) => Object.keys(found.figures).map((name) => `${found.id}.${name}`)),
    reasons: findings.flatMap((found) => found.reasons),
  };
}

describe('a drill in the capacity profile', () => {
  it.each(Object.keys(SMALL))('records its figures and removes its keys: %s', async (id) => {
    const [parameters, expected] = SMALL[id] ?? [{}, []];
    const admin = await environment.admin('redis-1');
    const { figures, reasons } = await figuresOf(id, parameters);
    expect(figures, reasons.join()).toEqual(expect.arrayContaining([...expected]));
    // A lease of an interrupted load expires 2 s after its holder has exited.
    await waitUntil('the keys to be removed', async () => (await admin.dbsize()) === 0);
    // The user of redis-benchmark exists only during the benchmark.
    expect(await admin.call('ACL', 'USERS')).not.toContainEqual(expect.stringMatching(/^bench-/));
  });

  it('measures HTTP with k6, or states how to build k6 if it is missing', async () => {
    const small = { perSecond: 10, seconds: 2, catalogue: 50 };
    const { figures, reasons } = await figuresOf('http-smoke', small);
    const found = await findK6();
    if (found.kind === 'found') expect(figures).toContain('k6.errors');
    else expect([figures, reasons]).toEqual([[], [found.reason]]);
  });
});

describe('the limit on open files', () => {
  it.each([
    ['Max open files            1024                 4096                 files', /1024 files .*10300/],
    ['Max open files            20000                20000                files', undefined],
    ['Max open files            unlimited            unlimited            files', undefined],
    ['', undefined],
  ])('allows 10,000 connections or leads to an error with the required limit: %j', (limits, reason) => {
    const found = connectionLimit(10_000, limits);
    if (reason === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(reason);
  });
});
