import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import { checkersOf } from '../../../harness/checkers/index.ts';
import { soakingFor } from '../../../harness/drills/capacity/index.ts';
import { drills } from '../../../harness/drills/index.ts';
import { faultById } from '../../../harness/faults/index.ts';
import { generatedWorkload } from '../../../harness/workloads/catalogue.ts';
import { workloadByName } from '../../../harness/workloads/index.ts';
import { resolveParameters } from '../../../harness/workloads/parameters.ts';

it('every drill has a file with its name, except the drills in the capacity profile', () => {
  const files = readdirSync(new URL('../../../harness/drills/', import.meta.url));
  const others = ['clients.ts', 'drill.ts', 'families.ts', 'index.ts', 'capacity'];
  const named = files.filter((file) => !others.includes(file)).map((file) => file.replace('.ts', ''));
  const own = drills.filter(({ family }) => family !== 'capacity');
  expect(own.map(({ id }) => id).toSorted()).toEqual(named.toSorted());
});

it.each(drills.map((drill) => [drill.id, drill] as const))(
  'the drill %s refers only to existing parts',
  (_id, drill) => {
    expect(drill.safeOutcome).not.toBe('');
    const known = checkersOf(drill.id).map(({ id }) => id);
    for (const checker of drill.checkers) expect(known).toContain(checker);
    if (drill.spansRun === true) return;
    const workload = workloadByName(drill.workload.name);
    for (const profile of ['quick', 'full'] as const) {
      resolveParameters(workload.name, workload.defaults, drill.workload.parameters, profile);
    }
    for (const { fault } of drill.faults) expect(faultById(fault).id).toBe(fault);
    // Drills in the capacity profile have histograms instead of operations and expectations.
    if (drill.family === 'capacity') return;
    const scripted = workload.kind === 'scripted';
    expect(drill.expectations !== undefined && drill.expectations.length > 0).toBe(scripted);
    expect(new Set(drill.expectations).size).toBe(drill.expectations?.length ?? 0);
    expect(drill.operations !== undefined && drill.operations.length > 0).toBe(!scripted);
  },
);

it('another drill without trials in quick has trials in full, and config/gates.yaml lists it as fullOnly', () => {
  const without = drills.filter(
    ({ family, profile, trials }) => family !== 'capacity' && profile !== 'rehearsal' && trials.quick === 0,
  );
  expect(loadGates().fullOnly.toSorted()).toEqual(without.map(({ id }) => id).toSorted());
  for (const { trials } of without) expect(trials.full).toBeGreaterThan(0);
});

it('a drill in the capacity or rehearsal profile has no trials in other profiles', () => {
  const own = drills.filter(({ family, profile }) => family === 'capacity' || profile === 'rehearsal');
  expect(own.filter(({ profile }) => profile === 'rehearsal').length).toBeGreaterThan(0);
  expect(own.map(({ trials }) => trials)).toEqual(own.map(() => ({ quick: 0, full: 0 })));
});

it('the requested length applies only to the soaks', () => {
  const soak = drills.filter(({ byNameOnly }) => byNameOnly === true);
  expect(soak.map(({ id }) => id)).toEqual(['http-soak', 'soak']);
  const [http, steady] = soak.map((drill) => soakingFor(drill, 2));
  expect(http?.workload.parameters).toMatchObject({ seconds: 7_200 });
  expect(steady?.workload.parameters).toEqual({ slices: 120, sliceMs: 60_000 });
  expect(steady?.boundMs).toBeGreaterThan(7_200_000);
  // The default duration of the scenario, one hour, must fit within the time limits.
  const [unasked] = soak.map((drill) => soakingFor(drill, undefined));
  expect(unasked?.workload.parameters).toMatchObject({ seconds: 3_600 });
  for (const boundMs of [unasked?.boundMs, unasked?.workload.parameters.boundMs])
    expect(boundMs).toBeGreaterThan(3_600_000);
  const others = drills.filter(({ byNameOnly }) => byNameOnly !== true);
  expect(others.map((drill) => soakingFor(drill, 2))).toEqual(others);
});

it('a drill is data and contains no functions', () => {
  expect(structuredClone(drills)).toEqual(drills);
});

it('an unknown name in a drill leads to an error that quotes the name', () => {
  expect(() => faultById('meteor')).toThrow("unknown fault 'meteor'");
  expect(() => workloadByName('idle')).toThrow("unknown workload 'idle'");
  expect(() => generatedWorkload('hit-miss')).toThrow("unknown generated workload 'hit-miss'");
});
