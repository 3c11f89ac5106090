/**
 * Every gate has a history that makes it fail, one that leaves it unmeasured and one that makes it pass. All are
 * hand-written and judged completely. A gate in config/gates.yaml without these histories makes this test fail.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { type Gate, loadGates } from '../../../config/gates.ts';
import { drills } from '../../../harness/drills/index.ts';
import type { RunKind } from '../../../harness/evidence/manifest.ts';
import type { Criterion } from '../../../harness/gates/gate.ts';
import { analyzeRun } from '../../../harness/judge/index.ts';
import type { Report } from '../../../harness/reports/report.ts';
import type { RunOptions } from '../healthy-run.ts';
import { findCriterion, ScratchRuns } from '../scratch-runs.ts';
import { FIXTURES, GROUPS } from './fixtures/index.ts';

const scratch = new ScratchRuns();
afterAll(() => scratch[Symbol.dispose]());

const { gates } = loadGates();

function judged({ id, workload }: Gate, ...options: readonly (RunOptions | undefined)[]): Criterion {
  const asked = drills.filter((drill) => workload.includes(drill.id));
  const { dir } = scratch.createRun(Object.assign({ drills: asked }, ...options));
  return findCriterion(analyzeRun(dir), id);
}

/** Gates on the same drills share the report of one healthy run. */
const healthyReports = new Map<string, Report>();

function judgedHealthy(gate: Gate, given: RunOptions | undefined): Criterion {
  if (given !== undefined) return judged(gate, given);
  const key = gate.workload.join();
  const report =
    healthyReports.get(key) ??
    analyzeRun(scratch.createRun({ drills: drills.filter(({ id }) => gate.workload.includes(id)) }).dir);
  healthyReports.set(key, report);
  return findCriterion(report, gate.id);
}

describe('the gate histories', () => {
  it('exist exactly once for every gate', () => {
    const named = GROUPS.flatMap((group) => Object.keys(group)).sort();
    expect(named).toEqual(gates.map(({ id }) => id).sort());
  });
});

describe.each(gates)('the gate $id', (gate) => {
  const fixture = FIXTURES[gate.id];

  it('fails on its failing history, and the remedy names the cause', () => {
    const found = judged(gate, fixture?.given, fixture?.red);
    expect(found.state, found.reason).toBe('FAIL');
    expect(found.remedy).toMatch(fixture?.remedy ?? /^$/);
  });

  it('is not measured on a history without the observation that it needs', () => {
    const found = judged(gate, fixture?.given, fixture?.absent ?? {});
    expect(found.state, found.reason).toBe('NOT_MEASURED');
  });

  it('passes on a healthy history', () => {
    const found = judgedHealthy(gate, fixture?.given);
    expect(found.state, found.reason).toBe('PASS');
  });
});

describe('a gate on a drill that does not exist', () => {
  it('never passes without evidence', () => {
    const [some] = gates.filter(({ id }) => id === 'warming');
    if (some === undefined) throw new Error('no gate warming');
    const gate: Gate = { ...some, id: 'planned', workload: ['planned'] };
    const given = { gates: { ...loadGates(), gates: [...gates, gate] } };
    for (const kind of gate.scope.runs) {
      const found = judged(gate, given, { manifest: { kind: kind satisfies RunKind } });
      expect(['NOT_MEASURED', 'OUT_OF_SCOPE']).toContain(found.state);
    }
    expect(judged(gate, given).state).toBe('OUT_OF_SCOPE');
  });
});
