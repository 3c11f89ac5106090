/** Checks for a run with a planted fault. */
import { expect } from 'vitest';
import type { Criterion, CriterionState } from '../../harness/gates/gate.ts';
import type { Report } from '../../harness/reports/report.ts';

export interface Expected {
  readonly criterion: string;
  readonly state: CriterionState;
  readonly remedy: readonly string[];
  readonly isTimed?: boolean;
}

/** Text in the reason of a criterion that is INVALID because the machine was too slow. */
const UNSOUND = /late|machine|hypervisor|waited for a CPU/;

/** Expects the fault to change the verdict through its criterion, and the remedy to name the cause. */
export function expectCaught({ verdict }: Report, expected: Expected): Criterion {
  const { criterion, state, remedy, isTimed = false } = expected;
  const found = verdict.criteria.find(({ id }) => id === criterion);
  if (found === undefined) throw new Error(`the run has no criterion '${criterion}'`);
  if (isTimed && found.state === 'INVALID') {
    expect(found.reason).toMatch(UNSOUND);
    expect(verdict.decision).not.toBe('GO');
    return found;
  }
  expect(found.state, found.reason).toBe(state);
  expect(verdict.decision).toBe(state === 'FAIL' ? 'NO_GO' : 'UNKNOWN');
  for (const words of remedy) expect(found.remedy).toContain(words);
  return found;
}

/** Expects a run without a fault to be a GO. */
export function expectGo({ verdict }: Report): void {
  const wrong = verdict.criteria.filter(({ state }) => !['PASS', 'OUT_OF_SCOPE'].includes(state));
  expect(wrong.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([]);
  expect(verdict.decision).toBe('GO');
}
