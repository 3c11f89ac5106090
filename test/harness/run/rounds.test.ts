/** Rounds of a run on a real environment: the repeated trials, the remaining evidence, and a second judgement. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type Gates, gatesSchema, loadGates } from '../../../config/gates.ts';
import { loadEnvironment } from '../../../config/load.ts';
import { drills } from '../../../harness/drills/index.ts';
import type { TrialRecord } from '../../../harness/evidence/manifest.ts';
import { openClock } from '../../../harness/history/clock.ts';
import { type RoundsRequest, runRounds } from '../../../harness/run/rounds.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';

const dir = mkdtempSync(join(tmpdir(), 'rounds-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Gates with a bound on the machine that is exceeded either by every trial of `ttl` or by none. */
function gatesWith(latenessMaxMs: number): Gates {
  const gates = loadGates().gates.map((gate) =>
    gate.id === 'ttl' ? { ...gate, timing: { latenessMaxMs } } : { ...gate, timing: false as const },
  );
  return gatesSchema.parse({ gates, machine: { runnableMaxPerCore: 1_000, stealMaxRatio: 0.99 } });
}

async function rounds(gates: Gates, retries: number, aborted = false) {
  const config = loadEnvironment('single');
  const substrate = localSubstrate({ stateDir: join(dir, 'state') });
  await using environment = await substrate.apply(planTopology(config), { ephemeral: true });
  const run = mkdtempSync(join(dir, 'run-'));
  const lines: string[] = [];
  const records: TrialRecord[] = [];
  const controller = new AbortController();
  const asked = drills.filter(({ id }) => ['ttl-expiry', 'key-versioning'].includes(id));
  const request: RoundsRequest = {
    ...{ environment, dir: run, clock: openClock(), gates, drills: asked, asksNodes: false },
    ...{ kind: 'drill', config, substrate: 'local', profile: 'quick', seed: 1 },
    ...{ trials: undefined, retries, coverage: undefined, signal: controller.signal },
    progress: (line) => {
      lines.push(line);
      if (aborted && line.startsWith('round 2')) controller.abort();
    },
  };
  await runRounds(request, records);
  const trials = records.map(({ drill, trial, round }) => [drill, trial, round] as const);
  return { run, lines, records, trials };
}

it('only a drill on a machine that was too busy is repeated, and every trial is kept', async () => {
  const { run, lines, records, trials } = await rounds(gatesWith(0.001), 2);
  expect(trials).toEqual([
    ['ttl-expiry', 1, undefined],
    ['key-versioning', 1, undefined],
    ['ttl-expiry', 2, 2],
    ['ttl-expiry', 3, 3],
  ]);
  expect(new Set(records.map(({ seed }) => seed)).size).toBe(4);
  for (const { files } of records) {
    for (const file of files) expect(readFileSync(join(run, file), 'utf8')).not.toBe('');
  }
  expect(readdirSync(join(run, 'trials')).toSorted()).toEqual([
    ...['key-versioning-1', 'ttl-expiry-1', 'ttl-expiry-2', 'ttl-expiry-3'],
  ]);
  expect(lines).toContainEqual(
    'round 2 of at most 3: the machine was busy during ttl-expiry; repeating these trials',
  );
});

it('no trial is repeated if the machine was not too busy, or if no retries are allowed', async () => {
  const first = [
    ['ttl-expiry', 1, undefined],
    ['key-versioning', 1, undefined],
  ];
  expect((await rounds(gatesWith(1e9), 2)).trials).toEqual(first);
  expect((await rounds(gatesWith(0.001), 0)).trials).toEqual(first);
});

it('the rounds end when the run is interrupted', async () => {
  const { trials } = await rounds(gatesWith(0.001), 2, true);
  expect(trials).toHaveLength(2);
});
