/**
 * Gates judge each figure in the client comparison, so a bad result for the kit's own client never appears in a report
 * that says GO.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import { drills } from '../../../harness/drills/index.ts';
import { analyzeRun } from '../../../harness/judge/index.ts';
import { buildEnvironment } from '../checkers/history-builders.ts';
import { ScratchRuns } from '../scratch-runs.ts';
import { withClosingFailure } from './fixtures/failovers.ts';

const scratch = new ScratchRuns();
afterAll(() => scratch[Symbol.dispose]());

const { gates } = loadGates();
const failovers = drills.filter(({ family }) => family === 'failover');

/** Table columns, each with the figures that show its value. One of these figures is judged. */
const COLUMNS = {
  dead: ['liveness.deadClients'],
  'applied twice': ['double-applies.doubleApplied'],
  lost: ['lost-writes.durableLost', 'lost-writes.lost'],
};

describe.each(failovers)('the comparison of $id', ({ id, topologies, trials }) => {
  it.each(Object.entries(COLUMNS))('has a gate for the column "%s"', (_, figures) => {
    const judging = gates.filter(
      ({ workload, sli, target, scope, client }) =>
        client === 'kit' &&
        workload.includes(id) &&
        figures.includes(`${sli.checker}.${sli.figure}`) &&
        target.op === '==' &&
        target.value === 0 &&
        topologies.some((topology) => scope.topologies === 'all' || scope.topologies.includes(topology)),
    );
    expect(judging.length).toBeGreaterThan(0);
  });

  it("is never part of a GO if the kit's client has stopped working", () => {
    const cluster = buildEnvironment({
      topology: { kind: 'cluster', masters: 3, replicas: 1, sentinels: 0 },
    });
    const { dir } = scratch.createRun({
      drills: failovers.filter((drill) => drill.id === id),
      // A quick readiness run does not require this drill.
      ...(trials.quick === 0 && { manifest: { kind: 'drill' } }),
      ...(topologies.includes('cluster') && { environment: cluster }),
      ...withClosingFailure(`${id}/kit`),
    });
    const { comparison, verdict } = analyzeRun(dir);
    expect(comparison).toContainEqual(expect.objectContaining({ drill: id, client: 'kit', deadClients: 1 }));
    expect(verdict.decision).toBe('NO_GO');
  });
});
