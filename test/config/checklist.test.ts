/**
 * The production checklist of requirements document 002 as gates: docs/checklist.md is compared with config/gates.yaml.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadGates } from '../../config/gates.ts';
import { drills } from '../../harness/drills/index.ts';

/** Checkboxes in the "Production Checklist" of document 002. */
const BOXES = {
  before: [
    'Redis password configured and secured',
    'Memory limits set appropriately for environment',
    'Sentinel quorum configured correctly',
    'Network security groups configured',
    'Monitoring and alerting configured',
    'Backup strategy implemented',
  ],
  after: [
    'Health checks passing',
    'Metrics being collected',
    'Cache warming executed successfully',
    'Failover testing completed',
    'Performance benchmarks met',
    'Log analysis completed',
  ],
} as const;

const rows = readFileSync(new URL('../../docs/checklist.md', import.meta.url), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, when, box = '', gates = '', run = ''] = line.split('|').map((cell) => cell.trim());
    if (when !== 'before' && when !== 'after') return [];
    return [{ when, box, gates: [...gates.matchAll(/`([^`]+)`/g)].map(([, id = '']) => id), run }];
  });

const gates = new Map(loadGates().gates.map((gate) => [gate.id, gate]));

describe('docs/checklist.md', () => {
  it.each(['before', 'after'] as const)('has every checkbox of the list %s the deployment', (when) => {
    const boxes = rows.filter((row) => row.when === when).map(({ box }) => box);
    expect([...new Set(boxes)]).toEqual(BOXES[when]);
  });

  it.each(rows)('refers to existing gates of a $run run for "$box"', ({ gates: ids, run }) => {
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) {
      expect([...gates.keys()], id).toContain(id);
      expect(gates.get(id)?.scope.runs, id).toContain(run);
    }
  });

  it('has a drill for every gate of a rehearsal', () => {
    const rehearsed = [...gates.values()].filter(({ scope }) => scope.runs.includes('rehearsal'));
    const known = drills.map(({ id }) => id);
    expect(rehearsed.length).toBeGreaterThan(0);
    expect(rehearsed.flatMap(({ workload }) => workload).filter((drill) => !known.includes(drill))).toEqual(
      [],
    );
  });
});
