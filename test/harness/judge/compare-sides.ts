/** Sides of a comparison, built from trial figures. */
import type { Gate } from '../../../config/gates.ts';
import type { Figure } from '../../../harness/checkers/checker.ts';
import type { Side } from '../../../harness/judge/compare/criteria.ts';
import { summarize } from '../../../harness/statistics/quantile.ts';
import { buildTrials, evaluateGate } from '../gates/gate-builders.ts';

export function sideOf(gate: Gate, figures: readonly Figure[], machineMs = 0): Side {
  // The comparison tests do not depend on how busy the machine is.
  const untimed = { ...gate, timing: false as const };
  const criterion = evaluateGate(
    untimed,
    buildTrials(figures.length, (i) => figures[i] as Figure),
  );
  const readings = figures.map((figure) => ({
    ...{ kind: 'figure' as const, drill: 'drill', name: 'drill #1', figure },
    ...{ reasons: [], remedies: [], evidence: [] },
  }));
  return { gate, criterion, readings, machineMs };
}

export const samplesFigure = (samples: readonly number[]): Figure => ({
  kind: 'distribution',
  distribution: summarize(samples) ?? { min: 0, p50: 0, p95: 0, p99: 0, max: 0, mean: 0 },
  ...{ samples, unit: 'ms', n: samples.length },
});
