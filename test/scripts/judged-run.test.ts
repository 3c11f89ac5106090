import { expect, it } from 'vitest';
import { loadGates } from '../../config/gates.ts';
import { drillsOf } from '../../scripts/judged-run.ts';

const REHEARSED = ['structured-logs', 'warming', 'runbook', 'alerting'];
const gates = loadGates();

it.each([
  ['sentinel', ['backup-restore', ...REHEARSED]],
  ['cluster', ['backup-restore', ...REHEARSED]],
  // Its gates are out of scope there.
  ['single', REHEARSED],
  [undefined, ['backup-restore', ...REHEARSED]],
] as const)('a rehearsal on the topology %s runs a drill for every gate that applies', (topology, drills) => {
  expect(drillsOf('rehearsal', gates, topology)).toEqual(drills);
});

it('a canary run has the drill of its profile, and no drill of a rehearsal', () => {
  expect(drillsOf('canary', gates, 'sentinel')).toEqual(['canary-rollback']);
});

it('a capacity run has no drill of a rehearsal', () => {
  const drills = drillsOf('capacity', gates, 'sentinel');
  expect(drills).toContain('throughput');
  expect(drills.filter((id) => REHEARSED.includes(id))).toEqual([]);
});
