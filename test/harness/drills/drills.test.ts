import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import { checkersOf } from '../../../harness/checkers/index.ts';
import { drills } from '../../../harness/drills/index.ts';
import { faultById } from '../../../harness/faults/index.ts';
import { generatedWorkload } from '../../../harness/workloads/catalogue.ts';
import { workloadByName } from '../../../harness/workloads/index.ts';
import { resolveParameters } from '../../../harness/workloads/parameters.ts';

it('every drill has a file of its name', () => {
  const files = readdirSync(new URL('../../../harness/drills/', import.meta.url));
  const others = ['drill.ts', 'families.ts', 'index.ts'];
  const named = files.filter((file) => !others.includes(file)).map((file) => file.replace('.ts', ''));
  expect(drills.map(({ id }) => id).toSorted()).toEqual(named.toSorted());
});

it.each(drills.map((drill) => [drill.id, drill] as const))('%s names only existing parts', (_id, drill) => {
  expect(drill.safeOutcome).not.toBe('');
  const known = checkersOf(drill.id).map(({ id }) => id);
  for (const checker of drill.checkers) expect(known).toContain(checker);
  if (drill.spansRun === true) return;
  const workload = workloadByName(drill.workload.name);
  for (const profile of ['quick', 'full'] as const) {
    resolveParameters(workload.name, workload.defaults, drill.workload.parameters, profile);
  }
  for (const { fault } of drill.faults) expect(faultById(fault).id).toBe(fault);
  const scripted = workload.kind === 'scripted';
  expect(drill.expectations !== undefined && drill.expectations.length > 0).toBe(scripted);
  expect(new Set(drill.expectations).size).toBe(drill.expectations?.length ?? 0);
  expect(drill.operations !== undefined && drill.operations.length > 0).toBe(!scripted);
});

it('a drill without a trial in profile quick has one in full, and config/gates.yaml lists it as fullOnly', () => {
  const without = drills.filter(({ trials }) => trials.quick === 0);
  expect(loadGates().fullOnly.toSorted()).toEqual(without.map(({ id }) => id).toSorted());
  for (const { trials } of without) expect(trials.full).toBeGreaterThan(0);
});

it('a drill is data and contains no functions', () => {
  expect(structuredClone(drills)).toEqual(drills);
});

it('an unknown name in a drill lists the allowed ones', () => {
  expect(() => faultById('meteor')).toThrow("unknown fault 'meteor'");
  expect(() => workloadByName('idle')).toThrow("unknown workload 'idle'");
  expect(() => generatedWorkload('hit-miss')).toThrow("unknown generated workload 'hit-miss'");
});
